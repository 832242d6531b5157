import { RecordReader } from '../avro/record.ts';
import { assertConsumed, assertCount, LongReader } from '../avro/varint.ts';
import { encodeSnapshotHead } from '../write/snapshot-layout.ts';

/**
 * Decodes the blocks of one snapshot segment to their documents alone. Throws a RangeError at bytes
 * that do not belong to the segment.
 */
export class SnapshotBlockReader {
  readonly #reader = new RecordReader();
  readonly #namespace: string;
  /**
   * The bytes that every record starts with. They are known from the first record, because the
   * manifest does not say T0.
   */
  #head: Buffer | null = null;

  constructor(namespace: string) {
    this.#namespace = namespace;
  }

  /** Returns the documents as slices of `raw`. */
  decode(raw: Buffer, count: number): Buffer[] {
    assertCount(raw, count);
    const from = new LongReader(raw);
    const documents: Buffer[] = [];
    for (let left = count; left > 0; left--) {
      this.#skipHead(from);
      from.skip(from.long()); // documentKey
      if (from.long() !== 1) throw new RangeError('a snapshot record without a document');
      documents.push(from.prefixed());
      if (from.long() !== 0 || from.long() !== 0 || from.long() !== 0) {
        throw new RangeError('a snapshot record with the fields of a change');
      }
    }
    assertConsumed(from);
    return documents;
  }

  #skipHead(from: LongReader): void {
    this.#head ??= this.#readHead(from);
    const start = from.offset;
    from.skip(this.#head.length);
    if (this.#head.compare(from.bytes, start, from.offset) !== 0) {
      throw new RangeError('records that do not belong to one snapshot');
    }
  }

  /**
   * Encodes what the first record's head says, and so gives the bytes that the head must be. Does
   * not move `from`.
   */
  #readHead(from: LongReader): Buffer {
    const head = this.#reader.readHead(new LongReader(from.bytes, from.offset));
    if (head.namespace !== this.#namespace) throw new RangeError('it holds documents of another collection');
    return encodeSnapshotHead(head);
  }
}
