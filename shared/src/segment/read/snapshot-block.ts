import { RecordReader } from '../avro/record.ts';
import { assertConsumed, assertCount, LongReader } from '../avro/varint.ts';
import { encodeSnapshotHead } from '../write/snapshot-layout.ts';

/**
 * Decodes the blocks of one snapshot segment to their documents alone. RangeErrors at bytes that
 * are none of it.
 */
export class SnapshotBlockReader {
  readonly #reader = new RecordReader();
  readonly #namespace: string;
  /**
   * What every record starts with: known from the first one, since the manifest does not say T0.
   */
  #head: Buffer | null = null;

  constructor(namespace: string) {
    this.#namespace = namespace;
  }

  /** Slices of `raw`. */
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

  /** What the first record's head must be, given what it says. Does not move on. */
  #readHead(from: LongReader): Buffer {
    const head = this.#reader.readHead(new LongReader(from.bytes, from.offset));
    if (head.namespace !== this.#namespace) throw new RangeError('it holds documents of another collection');
    return encodeSnapshotHead(head);
  }
}
