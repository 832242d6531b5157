import type { SegmentCodec } from '../extension.ts';
import { RECORD_SCHEMA_TEXT } from './schema.ts';
import { LongReader, MAX_LONG_BYTES, writeLong } from './varint.ts';

const MAGIC = Buffer.from('Obj\x01', 'latin1');
const SYNC_BYTES = 16;

/** Raised when a reader must know more than the schema to read a segment. */
export const SEGMENT_VERSION = '1';

export interface AvroHeader {
  readonly schema: string;
  readonly codec: string;
  /** Absent in a file that Waybill did not write. */
  readonly version: string | undefined;
  readonly sync: Buffer;
  readonly bytes: number;
}

/** The start of an Avro object container: magic, metadata, sync marker. */
export function encodeHeader(codec: SegmentCodec, sync: Uint8Array): Buffer {
  const metadata = [
    ['avro.schema', RECORD_SCHEMA_TEXT],
    ['avro.codec', codec],
    ['waybill.version', SEGMENT_VERSION],
  ];
  const texts = metadata.flat().map((text) => Buffer.from(text, 'utf8'));
  const parts = texts.flatMap((text) => [long(text.length), text]);
  return Buffer.concat([MAGIC, long(metadata.length), ...parts, long(0), sync]);
}

/** Throws a RangeError at bytes that do not start an Avro object container. */
export function decodeHeader(bytes: Buffer): AvroHeader {
  if (!bytes.subarray(0, MAGIC.length).equals(MAGIC))
    throw new RangeError('it does not start as an Avro file');
  const from = new LongReader(bytes, MAGIC.length);
  const metadata = new Map<string, string>();
  for (let count = from.long(); count !== 0; count = from.long()) {
    // A negative count is followed by the size of its entries in bytes, so that a reader may skip
    // them.
    if (count < 0) from.long();
    for (let left = Math.abs(count); left > 0; left--) {
      const key = from.prefixed().toString('utf8');
      metadata.set(key, from.prefixed().toString('utf8'));
    }
  }
  const sync = from.take(SYNC_BYTES);
  return {
    schema: metadata.get('avro.schema') ?? '',
    codec: metadata.get('avro.codec') ?? 'null',
    version: metadata.get('waybill.version'),
    sync,
    bytes: from.offset,
  };
}

/** One block as it stands in the file: record count, length, compressed records, sync marker. */
export function frameBlock(count: number, compressed: Buffer, sync: Uint8Array): Buffer {
  const head = Buffer.allocUnsafe(2 * MAX_LONG_BYTES);
  const headBytes = writeLong(head, writeLong(head, 0, count), compressed.length);
  return Buffer.concat([head.subarray(0, headBytes), compressed, sync]);
}

export interface FramedBlock {
  readonly count: number;
  readonly compressed: Buffer;
}

/**
 * All blocks between two offsets, which must be blocks to the last byte; slices. Throws a
 * RangeError otherwise.
 */
export function splitBlocks(bytes: Buffer, start: number, end: number, sync: Buffer): FramedBlock[] {
  const blocks: FramedBlock[] = [];
  const from = new LongReader(bytes.subarray(0, end), start);
  while (from.offset < end) {
    const count = from.count(Number.MAX_SAFE_INTEGER);
    const compressed = from.prefixed();
    if (!from.take(SYNC_BYTES).equals(sync)) throw new RangeError('a block without its sync marker');
    blocks.push({ count, compressed });
  }
  return blocks;
}

function long(value: number): Buffer {
  const bytes = Buffer.allocUnsafe(MAX_LONG_BYTES);
  return bytes.subarray(0, writeLong(bytes, 0, value));
}
