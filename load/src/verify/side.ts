/** One side of a comparison: the documents at its front, taken off once they are decided. */
import type { RawElement } from '@waybill/shared/bson/raw';
import { documentId } from '@waybill/shared/bson/statement';
import type { RangeBatch } from '@waybill/shared/mongo/read/range-reader';
import { RepeatedIds } from '@waybill/shared/mongo/read/repeated-ids';
import type { DocumentReader, RangeOptions } from '../reading/document-reader.ts';

/**
 * Equal for equal bytes of equal types alone: an equal id of other bytes is another document.
 */
export function keyOf({ type, bytes }: RawElement): string {
  return `${type}:${Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('latin1')}`;
}

export class Side {
  readonly #batches: AsyncIterator<RangeBatch>;
  /** Null where no two documents can share an `_id`. */
  readonly #ids: RepeatedIds | null;
  #documents: Buffer[] = [];
  #at = 0;
  #ended = false;
  #repeated: RawElement[] = [];
  /** So many at the front are known to be somewhere on the other side, too. */
  #known = 0;

  constructor(reader: DocumentReader, namespace: string, options: RangeOptions) {
    this.#batches = reader.range(namespace, options)[Symbol.asyncIterator]();
    this.#ids = reader.mayRepeatIds ? new RepeatedIds(null) : null;
  }

  /** Documents that are here. */
  get size(): number {
    return this.#documents.length - this.#at;
  }

  /** Nothing is left, here or on the server. */
  get isDone(): boolean {
    return this.#ended && this.size === 0;
  }

  get known(): number {
    return this.#known;
  }

  /** Reads the next batch if no document is here. */
  async fill(): Promise<void> {
    while (this.size === 0 && !this.#ended) {
      const next = await this.#batches.next();
      this.#at = 0;
      this.#known = 0;
      this.#documents = next.done ? [] : next.value.documents;
      if (next.done) this.#ended = true;
      else if (this.#ids) this.#repeated.push(...this.#ids.in(next.value.places));
    }
  }

  /** Ids that came twice, in the batches since the last call. */
  takeRepeated(): RawElement[] {
    const repeated = this.#repeated;
    if (repeated.length > 0) this.#repeated = [];
    return repeated;
  }

  /** The document at that distance from the front. It must be here. */
  document(distance = 0): Buffer {
    return this.#documents[this.#at + distance] as Buffer;
  }

  id(distance = 0): RawElement {
    return documentId(this.document(distance));
  }

  /** Takes documents off the front, and returns their bytes. */
  take(count: number): number {
    let bytes = 0;
    for (let index = 0; index < count; index++) bytes += this.document(index).length;
    this.#at += count;
    this.#known = Math.max(0, this.#known - count);
    return bytes;
  }

  /**
   * Sorts the first `count` documents. Those for which `keep` holds stay, and are known from now
   * on; the others are returned.
   */
  sift(count: number, keep: (document: Buffer) => boolean): Buffer[] {
    const kept: Buffer[] = [];
    const dropped: Buffer[] = [];
    for (let index = 0; index < count; index++) {
      const document = this.document(index);
      (keep(document) ? kept : dropped).push(document);
    }
    // Kept documents move up to what follows them, so that nothing behind them is copied.
    this.#at += dropped.length;
    for (const [index, document] of kept.entries()) this.#documents[this.#at + index] = document;
    this.#known = kept.length;
    return dropped;
  }

  async close(): Promise<void> {
    await this.#batches.return?.();
  }
}
