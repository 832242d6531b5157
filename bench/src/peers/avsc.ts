/** Avro files by `avsc` alone, with its hook for zstd. */
import { createHash } from 'node:crypto';
import { finished } from 'node:stream/promises';
import zlib from 'node:zlib';
import schema from '@waybill/schemas/record.avsc.json' with { type: 'json' };
import { clusterTimeIncrement, clusterTimeSeconds } from '@waybill/shared/base/position';
import type { DataRecord } from '@waybill/shared/base/record';
import type { SegmentCodec } from '@waybill/shared/segment/extension';
import avsc from 'avsc';
import { keyOf, NAMESPACE, T0, UUID } from '../data/records.ts';

export const BLOCK_BYTES = 1 << 20;
export const SYNC = createHash('md5').digest();

const RECORD = avsc.Type.forSchema(schema as avsc.Schema);

const BLOCK = avsc.Type.forSchema({
  type: 'record',
  fields: [
    { name: 'count', type: 'long' },
    { name: 'data', type: 'bytes' },
    { name: 'sync', type: { type: 'fixed', size: SYNC.length } },
  ],
} as avsc.Schema);

/**
 * The record in the form that avsc takes: an object of its own, since avsc knows no ClusterTime.
 */
export function avscRecord(record: DataRecord): object {
  const { clusterTime } = record;
  return {
    sequence: record.sequence,
    operation: record.operation,
    namespace: record.namespace,
    collectionUuid: record.collectionUuid,
    clusterTime: { seconds: clusterTimeSeconds(clusterTime), increment: clusterTimeIncrement(clusterTime) },
    wallTime: record.wallTime,
    transaction: record.transaction,
    documentKey: record.documentKey,
    document: record.document,
    documentOrigin: record.documentOrigin,
    update: record.update,
    before: record.before,
  };
}

const T0_PARTS = { seconds: clusterTimeSeconds(T0), increment: clusterTimeIncrement(T0) };

export function snapshotRecord(document: Buffer): object {
  return {
    sequence: 0,
    operation: 'read',
    namespace: NAMESPACE,
    collectionUuid: UUID,
    clusterTime: T0_PARTS,
    wallTime: null,
    transaction: null,
    documentKey: keyOf(document),
    document,
    documentOrigin: 'snapshot',
    update: null,
    before: null,
  };
}

export function layAvsc(records: readonly DataRecord[], target: Buffer): Buffer {
  let at = 0;
  for (const record of records) at = RECORD.encode(avscRecord(record), target, at);
  return target.subarray(0, at);
}

export function readAvsc(laid: Buffer): number {
  let bytes = 0;
  for (let at = 0; at < laid.length; ) {
    const { value, offset } = RECORD.decode(laid, at) as { value: { document: Buffer }; offset: number };
    bytes += value.document.length;
    at = offset;
  }
  return bytes;
}

export const frameAvsc = (blocks: readonly Buffer[]): Buffer[] =>
  blocks.map((data) => BLOCK.toBuffer({ count: 1000, data, sync: SYNC }));

type Hook = (data: Buffer, done: (error: Error | null, result?: Buffer) => void) => void;

export async function writeAvsc(records: Iterable<object>, codec: SegmentCodec): Promise<Buffer> {
  const zstandard: Hook = (data, done) => void zlib.zstdCompress(data, LEVEL_1, done);
  const encoder = new avsc.streams.BlockEncoder(RECORD, {
    codec,
    blockSize: BLOCK_BYTES,
    codecs: { null: (data: Buffer, done: Parameters<Hook>[1]) => done(null, data), zstandard },
  } as object);
  const file = Array.fromAsync(encoder as AsyncIterable<Buffer>);
  for (const record of records) {
    if (!encoder.write(record)) await new Promise((resolve) => encoder.once('drain', resolve));
  }
  encoder.end();
  const bytes = Buffer.concat(await file);
  // The manifest needs this hash of every file.
  createHash('sha256').update(bytes).digest();
  return bytes;
}

const LEVEL_1 = { params: { [zlib.constants.ZSTD_c_compressionLevel]: 1 } };

export async function readAvscFile(file: Buffer): Promise<number> {
  const zstandard: Hook = (data, done) => void zlib.zstdDecompress(data, done);
  const decoder = new avsc.streams.BlockDecoder({
    codecs: { null: (data: Buffer, done: Parameters<Hook>[1]) => done(null, data), zstandard },
  } as object);
  let count = 0;
  decoder.on('data', () => {
    count++;
  });
  decoder.end(file);
  await finished(decoder);
  return count;
}
