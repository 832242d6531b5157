import { createHash } from 'node:crypto';
import schema from '@waybill/schemas/record.avsc.json' with { type: 'json' };
import { WaybillError } from '@waybill/shared/base/errors';
import { clusterTime, clusterTimeIncrement, clusterTimeSeconds } from '@waybill/shared/base/position';
import type { DataRecord } from '@waybill/shared/base/record';
import { buildDocument, doc, int32, string } from '@waybill/shared/bson/build';
import type { Bucket, ByteRange, GetOptions } from '@waybill/shared/bucket/bucket';
import type { SegmentEntry } from '@waybill/shared/manifest/commit';
import { OPERATIONS, ORIGINS } from '@waybill/shared/segment/avro/record';
import type { SegmentCodec, SegmentFormat } from '@waybill/shared/segment/extension';
import {
  type ChangeSegmentOptions,
  encodeChangeSegment,
  type LaneRecords,
} from '@waybill/shared/segment/write/change-writer';
import { SnapshotSegmentWriter } from '@waybill/shared/segment/write/snapshot-writer';
import avsc from 'avsc';
import fc from 'fast-check';
import { placesOf } from '../bson/testing.ts';

/** Objects in memory; notes what was asked for. */
export class MemoryBucket implements Bucket {
  readonly url = 'memory:';
  readonly objects = new Map<string, Buffer>();
  readonly ranges: Array<ByteRange | 'whole'> = [];

  async put(key: string, body: Uint8Array | AsyncIterable<Uint8Array>): Promise<void> {
    this.objects.set(key, body instanceof Uint8Array ? Buffer.from(body) : await collect(body));
  }

  async get(key: string, { range }: GetOptions = {}): Promise<Buffer> {
    const object = this.objects.get(key);
    if (object === undefined) throw new WaybillError('BUCKET_OBJECT_MISSING', `No object ${key}.`);
    this.ranges.push(range ?? 'whole');
    if (range === undefined) return object;
    if (range.offset + range.length > object.length) throw new WaybillError('BUCKET_RANGE_INVALID', key);
    return object.subarray(range.offset, range.offset + range.length);
  }

  stream(): never {
    throw new Error('not here');
  }

  async head(): Promise<null> {
    return null;
  }

  list(): never {
    throw new Error('not here');
  }

  async delete(key: string): Promise<void> {
    this.objects.delete(key);
  }

  async removeUnfinished(): Promise<number> {
    return 0;
  }

  async close(): Promise<void> {}
}

export async function collect(body: AsyncIterable<Uint8Array>): Promise<Buffer> {
  const pieces: Uint8Array[] = [];
  for await (const piece of body) pieces.push(piece);
  return Buffer.concat(pieces);
}

const bigLong = avsc.types.LongType.__with({
  fromBuffer: (bytes: Buffer) => bytes.readBigInt64LE(),
  toBuffer: (value: bigint) => {
    const bytes = Buffer.alloc(8);
    bytes.writeBigInt64LE(value);
    return bytes;
  },
  fromJSON: BigInt,
  toJSON: Number,
  isValid: (value: unknown) => typeof value === 'bigint',
  compare: (a: bigint, b: bigint) => (a < b ? -1 : a > b ? 1 : 0),
});

/**
 * The record as avsc sees it: longs are bigints, except those with a logical type, and a union
 * names its branch.
 */
export const avscRecord: avsc.Type = avsc.Type.forSchema(schema as avsc.Schema, {
  registry: { long: bigLong },
  wrapUnions: true,
});

const wrap = (branch: string, value: unknown): object | null => (value === null ? null : { [branch]: value });

export function toAvsc(record: DataRecord): object {
  return {
    ...record,
    sequence: BigInt(record.sequence),
    collectionUuid: wrap('bytes', record.collectionUuid),
    clusterTime: {
      seconds: BigInt(clusterTimeSeconds(record.clusterTime)),
      increment: BigInt(clusterTimeIncrement(record.clusterTime)),
    },
    wallTime: wrap('long', record.wallTime),
    transaction: wrap('waybill.Transaction', record.transaction),
    document: wrap('bytes', record.document),
    update: wrap('bytes', record.update),
    before: wrap('bytes', record.before),
  };
}

type Union<Branch extends string, Value> = Readonly<Record<Branch, Value>> | null;

interface AvscRecord extends Pick<DataRecord, 'operation' | 'namespace' | 'documentKey' | 'documentOrigin'> {
  readonly sequence: bigint;
  readonly collectionUuid: Union<'bytes', Buffer>;
  readonly clusterTime: { readonly seconds: bigint; readonly increment: bigint };
  readonly wallTime: Union<'long', number>;
  readonly transaction: Union<'waybill.Transaction', { session: Buffer; number: bigint }>;
  readonly document: Union<'bytes', Buffer>;
  readonly update: Union<'bytes', Buffer>;
  readonly before: Union<'bytes', Buffer>;
}

export function fromAvsc(value: unknown): DataRecord {
  const record = value as AvscRecord;
  const transaction = record.transaction?.['waybill.Transaction'] ?? null;
  return {
    operation: record.operation,
    namespace: record.namespace,
    documentKey: record.documentKey,
    documentOrigin: record.documentOrigin,
    sequence: Number(record.sequence),
    collectionUuid: record.collectionUuid?.bytes ?? null,
    clusterTime: clusterTime(Number(record.clusterTime.seconds), Number(record.clusterTime.increment)),
    wallTime: record.wallTime?.long ?? null,
    transaction: transaction === null ? null : { session: transaction.session, number: transaction.number },
    document: record.document?.bytes ?? null,
    update: record.update?.bytes ?? null,
    before: record.before?.bytes ?? null,
  };
}

/**
 * Bytes that may or may not be a document: a segment doesn't look into them. Long ones need longer
 * varints.
 */
const opaqueBytes: fc.Arbitrary<Buffer> = fc
  .oneof(
    fc.uint8Array({ maxLength: 40 }),
    fc.integer({ min: 60, max: 70 }).map((size) => new Uint8Array(size).fill(7)),
    fc.integer({ min: 8180, max: 8200 }).map((size) => new Uint8Array(size).fill(9)),
  )
  .map((bytes) => Buffer.from(bytes));

const nullable = fc.option(opaqueBytes, { nil: null });
const identifier = fc.uint8Array({ minLength: 16, maxLength: 16 }).map((bytes) => Buffer.from(bytes));
/** avsc itself writes numbers wrong from 2^52 on; varint.test.ts goes further. */
const wallTime = fc.oneof(
  fc.integer({ min: -(2 ** 52) + 1, max: 2 ** 52 - 1 }),
  fc.integer({ min: -130, max: 130 }),
);
const unsigned32 = fc.integer({ min: 0, max: 0xffff_ffff });

export const anyRecord: fc.Arbitrary<DataRecord> = fc.record({
  sequence: fc.oneof(fc.maxSafeNat(), fc.nat(300)),
  operation: fc.constantFrom(...OPERATIONS),
  namespace: fc.oneof(fc.string({ unit: 'grapheme', maxLength: 40 }), fc.constant('shop.orders')),
  collectionUuid: fc.option(identifier, { nil: null }),
  clusterTime: fc
    .tuple(unsigned32, unsigned32)
    .map(([seconds, increment]) => clusterTime(seconds, increment)),
  wallTime: fc.option(wallTime, { nil: null }),
  transaction: fc.option(
    fc.record({ session: identifier, number: fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }) }),
    { nil: null },
  ),
  documentKey: opaqueBytes,
  document: nullable,
  documentOrigin: fc.constantFrom(...ORIGINS),
  update: nullable,
  before: nullable,
});

/** A record with a valid document; `sequence` makes it unique. */
export function sampleRecord(sequence: number, bytes = 100): DataRecord {
  const document = sampleDocument(sequence, bytes);
  return {
    sequence,
    operation: sequence % 5 === 0 ? 'delete' : 'update',
    namespace: sequence % 7 === 0 ? 'shop.items' : 'shop.orders',
    collectionUuid: sequence % 3 === 0 ? null : Buffer.alloc(16, sequence),
    clusterTime: clusterTime(1_790_000_000, sequence),
    wallTime: sequence % 2 === 0 ? null : 1_790_000_000_000 + sequence,
    transaction: sequence % 4 === 0 ? { session: Buffer.alloc(16, 3), number: 2n ** 62n } : null,
    documentKey: buildDocument([['_id', int32(sequence)]]),
    document: sequence % 5 === 0 ? null : document,
    documentOrigin: sequence % 5 === 0 ? 'none' : 'lookup',
    update: sequence % 5 === 0 ? null : buildDocument([['updatedFields', doc(document)]]),
    before: sequence % 6 === 0 ? document : null,
  };
}

export function sampleDocument(id: number, bytes = 100): Buffer {
  const noise = createHash('sha256').update(String(id)).digest('hex');
  const text = noise.repeat(Math.ceil(bytes / noise.length)).slice(0, bytes);
  return buildDocument([
    ['_id', int32(id)],
    ['text', string(text)],
  ]);
}

/** Sequences from 1, given to the lanes in turn. */
export function sampleLanes(records: number, lanes: number, bytes?: number): LaneRecords[] {
  const all = Array.from({ length: records }, (_, index) => sampleRecord(index + 1, bytes));
  return Array.from({ length: lanes }, (_, lane) => ({
    lane,
    records: all.filter((record) => record.sequence % lanes === lane),
  }));
}

/** Writes a change segment into the bucket under `key`. */
export async function storeChanges(
  bucket: MemoryBucket,
  key: string,
  options: ChangeSegmentOptions,
): Promise<SegmentEntry> {
  const { chunks, entry } = await encodeChangeSegment(options);
  bucket.objects.set(key, Buffer.concat(chunks));
  return { key, ...entry };
}

export const SNAPSHOT = {
  namespace: 'shop.orders',
  collectionUuid: Buffer.alloc(16, 0xab),
  clusterTime: clusterTime(1_790_000_000, 7),
};

/** Writes a snapshot segment into the bucket under `key`, one call of `append` for each batch. */
export async function storeSnapshot(
  bucket: MemoryBucket,
  key: string,
  format: SegmentFormat,
  codec: SegmentCodec,
  batches: readonly (readonly Buffer[])[],
): Promise<SegmentEntry> {
  const writer = new SnapshotSegmentWriter({ format, codec, ...SNAPSHOT });
  const upload = bucket.put(key, writer.body);
  for (const batch of batches) await writer.append(placesOf(batch));
  const { lastId: _, ...summary } = await writer.finish();
  await upload;
  return { kind: 'snapshot', key, format, codec, namespace: SNAPSHOT.namespace, ...summary };
}
