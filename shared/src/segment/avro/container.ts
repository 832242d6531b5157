/**
 * The Avro object container. avsc makes its header, and this file makes its blocks by hand. avsc
 * would copy the bytes of each block twice on their way out and once on their way in: see
 * docs/decisions/0025-avsc.md.
 */
import avsc from 'avsc';
import type { SegmentCodec } from '../extension.ts';
import { RECORD_SCHEMA_TEXT } from './schema.ts';
import { LongReader, MAX_LONG_BYTES, writeLong } from './varint.ts';

const MAGIC = Buffer.from('Obj\x01', 'latin1');
const SYNC_BYTES = 16;

/** Raise this when a reader must know more than the schema to read a segment. */
export const SEGMENT_VERSION = '1';

export interface AvroHeader {
  readonly schema: string;
  readonly codec: string;
  /** Absent in a file that Waybill did not write. */
  readonly version: string | undefined;
  readonly sync: Buffer;
  readonly bytes: number;
}

/**
 * Stops reading a map at the end of the bytes. avsc itself goes on for as many entries as the map
 * claims, and a damaged count claims any number.
 */
class Present extends avsc.types.LogicalType {
  protected override _fromValue(value: unknown): unknown {
    if (value === undefined) throw new RangeError('its header ends early');
    return value;
  }

  protected override _toValue(value: unknown): unknown {
    return value;
  }
}

/** The header, as the Avro specification has it. */
const HEADER = avsc.Type.forSchema(
  {
    type: 'record',
    name: 'Header',
    fields: [
      { name: 'magic', type: { type: 'fixed', name: 'Magic', size: MAGIC.length } },
      { name: 'meta', type: { type: 'map', values: { type: 'bytes', logicalType: 'present' } } },
      { name: 'sync', type: { type: 'fixed', name: 'Sync', size: SYNC_BYTES } },
    ],
  } as avsc.Schema,
  { logicalTypes: { present: Present } },
);

interface Header {
  readonly meta: Readonly<Record<string, Buffer>>;
  readonly sync: Buffer;
}

/** Encodes the start of an Avro object container: magic, metadata, sync marker. */
export function encodeHeader(codec: SegmentCodec, sync: Uint8Array): Buffer {
  const meta = {
    'avro.schema': Buffer.from(RECORD_SCHEMA_TEXT),
    'avro.codec': Buffer.from(codec),
    'waybill.version': Buffer.from(SEGMENT_VERSION),
  };
  return HEADER.toBuffer({ magic: MAGIC, meta, sync: Buffer.from(sync) });
}

/** Decodes the header. Throws a RangeError at bytes that do not start an Avro object container. */
export function decodeHeader(bytes: Buffer): AvroHeader {
  if (!bytes.subarray(0, MAGIC.length).equals(MAGIC))
    throw new RangeError('it does not start as an Avro file');
  const { value, offset } = HEADER.decode(bytes, 0) as { value: Header | undefined; offset: number };
  if (value === undefined) throw new RangeError('its header ends early');
  const text = (name: string): string | undefined =>
    Object.hasOwn(value.meta, name) ? value.meta[name]?.toString('utf8') : undefined;
  return {
    schema: text('avro.schema') ?? '',
    codec: text('avro.codec') ?? 'null',
    version: text('waybill.version'),
    sync: value.sync,
    bytes: offset,
  };
}

/**
 * Encodes one block as it stands in the file: record count, length, compressed records, sync
 * marker.
 */
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
 * Splits the bytes between two offsets into blocks, which are slices. Throws a RangeError if the
 * bytes are not blocks to the last byte.
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
