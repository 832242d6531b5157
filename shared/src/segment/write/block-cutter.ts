import { BufferPool } from '../../base/buffer-pool.ts';
import { compress } from '../compression.ts';
import type { SegmentCodec } from '../extension.ts';
import { BLOCK_BYTES } from '../limits.ts';

const KEPT_BLOCKS = 16;
/** The pool of raw blocks. A block comes back when its compression has settled. */
const blocks = new BufferPool(BLOCK_BYTES, KEPT_BLOCKS);

/**
 * Lays records into blocks. Each format and kind of segment has a layout. `write` lays the record
 * that `measure` took last.
 */
export interface RecordLayout<Item> {
  /** Bytes before the first block, or null. */
  readonly header: Buffer | null;
  /** Returns an upper bound of the record's bytes. */
  measure(item: Item): number;
  /** Returns the offset after the record. */
  write(target: Buffer, offset: number): number;
  /** Returns the bytes that the file has for a compressed block. They share no memory with it. */
  frame(records: number, compressed: Buffer): Buffer;
}

export interface SealedBlock {
  readonly records: number;
  /** Raw bytes that stay in use until `framed` has settled. */
  readonly weight: number;
  /** The block as it stands in the file. */
  readonly framed: Promise<Buffer>;
}

/**
 * Lays records into a raw block, and sends a sealed block to compression. One block is open at a
 * time.
 */
export class BlockCutter<Item> {
  readonly #layout: RecordLayout<Item>;
  readonly #codec: SegmentCodec;
  readonly #level: number | undefined;
  #block: Buffer | null = null;
  #bytes = 0;
  #records = 0;
  #need = 0;

  constructor(layout: RecordLayout<Item>, codec: SegmentCodec, level: number | undefined) {
    this.#layout = layout;
    this.#codec = codec;
    this.#level = level;
  }

  /** The raw bytes that the record measured last may need. */
  get need(): number {
    return this.#need;
  }

  /**
   * Measures the record. Returns false if the open block has no room for it, or no block is open.
   * The caller must then seal, then open.
   */
  fits(item: Item): boolean {
    this.#need = this.#layout.measure(item);
    return this.#block !== null && this.#bytes + this.#need <= this.#block.length;
  }

  /** Opens a block with room for the record measured last. */
  open(): void {
    this.#block = blocks.take(this.#need);
    this.#bytes = 0;
    this.#records = 0;
  }

  /** Lays the record measured last into the open block. */
  write(): void {
    this.#bytes = this.#layout.write(this.#block!, this.#bytes);
    this.#records += 1;
  }

  /** Closes the open block and starts its compression. Returns null if no block is open. */
  seal(): SealedBlock | null {
    const block = this.#block;
    if (block === null) return null;
    this.#block = null;
    const records = this.#records;
    const framed = compress(this.#codec, this.#level, block.subarray(0, this.#bytes))
      .then((compressed) => this.#layout.frame(records, compressed))
      .finally(() => blocks.give(block));
    return { records, weight: this.#bytes, framed };
  }
}
