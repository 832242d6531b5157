import { randomBytes } from 'node:crypto';
import type { DocumentPlace, DocumentPlaces } from '../../bson/document-places.ts';
import type { RawElement } from '../../mongo/driver/raw-value.ts';
import { findId } from '../document-id.ts';
import { codecFits, type SegmentCodec, type SegmentFormat } from '../extension.ts';
import { BlockCutter, type RecordLayout } from './block-cutter.ts';
import { SnapshotLineLayout } from './line-layout.ts';
import { SegmentBody } from './segment-body.ts';
import { AvroSnapshotLayout, type SnapshotConstants } from './snapshot-layout.ts';

export interface SnapshotSegmentOptions extends SnapshotConstants {
  readonly format: SegmentFormat;
  readonly codec: SegmentCodec;
  /** Compression level of the codec; default 1. */
  readonly level?: number | undefined;
}

/** What the manifest's entry says about a segment, and the `_id` after which its chunk goes on. */
export interface SnapshotSegmentSummary {
  readonly bytes: number;
  readonly sha256: string;
  readonly records: number;
  readonly documentBytes: number;
  /** The last document's `_id`, or null in a segment without documents. */
  readonly lastId: RawElement | null;
}

/**
 * Writes one snapshot segment. It takes documents, gives compressed bytes out through `body`, and
 * keeps a few blocks in memory.
 *
 * Hand `body` to the bucket first, then append. `append` waits while four MiB of raw blocks are on
 * their way. If the put rejects, call `abort` with its reason, so that a waiting `append` rejects
 * too.
 */
export class SnapshotSegmentWriter {
  /** For one consumer. */
  readonly body: AsyncIterable<Buffer>;
  readonly #body = new SegmentBody();
  readonly #cutter: BlockCutter<DocumentPlace>;
  #records = 0;
  #documentBytes = 0;
  #lastId: RawElement | null = null;

  constructor(options: SnapshotSegmentOptions) {
    if (!codecFits(options.format, options.codec)) {
      throw new TypeError(`${options.format} segments have no codec ${options.codec}`);
    }
    this.body = this.#body;
    const layout = createLayout(options);
    this.#cutter = new BlockCutter(layout, options.codec, options.level);
    if (layout.header !== null) this.#body.push(0, Promise.resolve(layout.header));
  }

  /** Documents taken so far. */
  get records(): number {
    return this.#records;
  }

  /** Bytes of BSON taken so far. */
  get documentBytes(): number {
    return this.#documentBytes;
  }

  /**
   * Takes whole BSON documents, in `_id` order. The caller may reuse their bytes once the promise
   * is fulfilled. Make one call at a time. Rejects with DOCUMENT_INVALID, or with the reason given
   * to `abort`.
   */
  async append(documents: DocumentPlaces): Promise<void> {
    const { source, count } = documents;
    const place = { source, start: 0, end: 0 };
    for (let index = 0; index < count; index++) {
      place.start = documents.start(index);
      place.end = documents.end(index);
      if (!this.#cutter.fits(place)) {
        this.#sealBlock();
        await this.#body.room(this.#cutter.need);
        this.#cutter.open();
      }
      this.#cutter.write();
      this.#documentBytes += place.end - place.start;
    }
    this.#records += count;
    if (count > 0) this.#lastId = copyId(place);
  }

  /**
   * Closes the segment. The promise is fulfilled when all is compressed. The bucket may still be
   * taking the last bytes.
   */
  async finish(): Promise<SnapshotSegmentSummary> {
    this.#sealBlock();
    const { bytes, sha256 } = await this.#body.end();
    return {
      bytes,
      sha256,
      records: this.#records,
      documentBytes: this.#documentBytes,
      lastId: this.#lastId,
    };
  }

  /** Gives the segment up. `body`, `append` and `finish` then reject with the reason. */
  abort(reason: unknown): void {
    this.#body.fail(reason);
  }

  #sealBlock(): void {
    const block = this.#cutter.seal();
    if (block !== null) this.#body.push(block.weight, block.framed);
  }
}

function createLayout(options: SnapshotSegmentOptions): RecordLayout<DocumentPlace> {
  if (options.format === 'jsonl') return new SnapshotLineLayout(options);
  return new AvroSnapshotLayout(options, options.codec, randomBytes(16));
}

/** Returns a copy, because the document is a slice of a whole batch. */
function copyId(place: DocumentPlace): RawElement {
  const { start, end } = findId(place);
  return { type: place.source[start] ?? 0, bytes: Buffer.from(place.source.subarray(start + 5, end)) };
}
