import { abortable } from '../base/lifecycle.ts';
import type { ByteRange, GetOptions, ObjectReader } from './bucket.ts';

/**
 * Gets on their way at once. At 50 ms each that is some 300 objects a second, far more than a
 * capture commits.
 */
const MOST_REQUESTS = 16;

/** An object that never changes, or a range of it. */
export interface ExpectedRead {
  readonly key: string;
  readonly range?: ByteRange | undefined;
  /** Of the object, or of the range. */
  readonly bytes: number;
}

export interface ReadAheadOptions {
  /**
   * The most that is held of what was not taken yet, on its way or here, in bytes. One read may be
   * larger; then it is the only one.
   */
  readonly bytes: number;
  readonly signal: AbortSignal;
}

/**
 * Reads that are asked for before their turn, in the order in which they were expected, so that
 * whoever takes them one after the other waits for the store once and not for each. What is taken
 * is no longer held here.
 *
 * It never makes a read fail: what failed ahead is forgotten, and asked for again when its turn
 * comes, since a store may be back by then. What was not expected, or is not asked for yet, is read
 * at once, whatever is held.
 */
export class ReadAhead implements ObjectReader {
  readonly #bucket: ObjectReader;
  readonly #options: ReadAheadOptions;
  /** Not asked for yet, in order. */
  readonly #waiting = new Map<string, ExpectedRead>();
  /** Asked for and not taken. */
  readonly #held = new Map<string, { readonly bytes: number; readonly read: Promise<Buffer> }>();
  #heldBytes = 0;
  #requests = 0;

  constructor(bucket: ObjectReader, options: ReadAheadOptions) {
    this.#bucket = bucket;
    this.#options = options;
  }

  /** Each is to be taken once, about in this order. */
  expect(read: ExpectedRead): void {
    const name = nameOf(read.key, read.range);
    if (this.#held.has(name)) return;
    this.#waiting.set(name, read);
    this.#ask();
  }

  async get(key: string, { range, signal }: GetOptions = {}): Promise<Buffer> {
    const name = nameOf(key, range);
    const held = this.#held.get(name);
    this.#waiting.delete(name);
    this.#release(name);
    if (!held) return this.#bucket.get(key, { range, signal });
    return abortable(held.read, signal);
  }

  #ask(): void {
    for (const [name, read] of this.#waiting) {
      if (this.#requests >= MOST_REQUESTS || this.#options.signal.aborted) return;
      if (this.#held.size > 0 && this.#heldBytes + read.bytes > this.#options.bytes) return;
      this.#waiting.delete(name);
      this.#begin(name, read);
    }
  }

  #begin(name: string, { key, range, bytes }: ExpectedRead): void {
    this.#requests++;
    this.#heldBytes += bytes;
    const read = this.#bucket.get(key, { range, signal: this.#options.signal });
    const held = { bytes, read };
    this.#held.set(name, held);
    const end = (): void => {
      this.#requests--;
      this.#ask();
    };
    read.then(end, () => {
      // Taken, it is the taker's to deal with.
      if (this.#held.get(name) === held) this.#release(name);
      end();
    });
  }

  #release(name: string): void {
    const held = this.#held.get(name);
    if (!held) return;
    this.#held.delete(name);
    this.#heldBytes -= held.bytes;
    this.#ask();
  }
}

function nameOf(key: string, range: ByteRange | undefined): string {
  return range ? `${key} ${range.offset}+${range.length}` : key;
}
