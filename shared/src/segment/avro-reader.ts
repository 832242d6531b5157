import type { DataRecord } from '../record.ts';
import {
  type AvroHeader,
  decodeHeader,
  type FramedBlock,
  SEGMENT_VERSION,
  splitBlocks,
} from './avro-container.ts';
import { RecordReader } from './avro-record.ts';
import { isRecordSchema } from './avro-schema.ts';
import { unsupported } from './corrupt.ts';
import type { SegmentCodec } from './extension.ts';
import { encodeSnapshotHead } from './snapshot-layout.ts';
import { LongReader } from './varint.ts';

/** A record takes at least a byte a field. */
const MIN_RECORD_BYTES = 13;

/** Reads and checks a segment's header. FORMAT_UNSUPPORTED where it is Avro but not ours; RangeError where it is not Avro. */
export function readHeader(key: string, bytes: Buffer, codec: SegmentCodec): AvroHeader {
  const header = decodeHeader(bytes);
  if (header.codec !== codec) {
    throw new RangeError(`its codec is ${JSON.stringify(header.codec)}, and the manifest says ${codec}`);
  }
  if (header.version !== undefined && header.version !== SEGMENT_VERSION) {
    throw unsupported(
      key,
      `it is of version ${JSON.stringify(header.version)}, and this one reads ${SEGMENT_VERSION}`,
    );
  }
  if (!isRecordSchema(header.schema)) throw unsupported(key, 'its schema is not the one of this version');
  return header;
}

/** The blocks between two offsets; a RangeError where they do not hold as many records as the manifest says. */
export function readBlocks(
  bytes: Buffer,
  span: { readonly start: number; readonly end: number },
  sync: Buffer,
  records: number,
): FramedBlock[] {
  const blocks = splitBlocks(bytes, span.start, span.end, sync);
  const found = blocks.reduce((sum, block) => sum + block.count, 0);
  if (found !== records) throw new RangeError(`it holds ${found} records, and the manifest says ${records}`);
  return blocks;
}

/** Decodes a block of a change segment. Byte fields are slices of `raw`. */
export function decodeRecords(raw: Buffer, count: number, reader: RecordReader): DataRecord[] {
  assertCount(raw, count);
  const from = new LongReader(raw);
  const records: DataRecord[] = [];
  for (let left = count; left > 0; left--) records.push(reader.read(from));
  assertEnd(from);
  return records;
}

/** Decodes blocks of a snapshot segment to their documents alone. */
export class SnapshotBlockReader {
  readonly #reader = new RecordReader();
  readonly #namespace: string;
  /** What every record starts with: known from the first one, since the manifest does not say T0. */
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
      from.take(from.count(raw.length)); // documentKey
      if (from.long() !== 1) throw new RangeError('a snapshot record without a document');
      documents.push(from.prefixed());
      if (from.long() !== 0 || from.long() !== 0 || from.long() !== 0) {
        throw new RangeError('a snapshot record with the fields of a change');
      }
    }
    assertEnd(from);
    return documents;
  }

  #skipHead(from: LongReader): void {
    this.#head ??= this.#readHead(from);
    const end = from.offset + this.#head.length;
    if (this.#head.compare(from.bytes, from.offset, Math.min(end, from.bytes.length)) !== 0) {
      throw new RangeError('records that do not belong to one snapshot');
    }
    from.offset = end;
  }

  /** Reads the first record's head without moving on. */
  #readHead(from: LongReader): Buffer {
    const ahead = new LongReader(from.bytes, from.offset);
    const head = this.#reader.readHead(ahead);
    if (head.namespace !== this.#namespace) throw new RangeError('it holds documents of another collection');
    return encodeSnapshotHead(head);
  }
}

function assertCount(raw: Buffer, count: number): void {
  if (count * MIN_RECORD_BYTES > raw.length) {
    throw new RangeError(`a block of ${raw.length} bytes that claims ${count} records`);
  }
}

function assertEnd(from: LongReader): void {
  if (from.offset !== from.bytes.length) throw new RangeError('a block with bytes after its last record');
}
