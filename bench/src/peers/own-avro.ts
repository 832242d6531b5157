/** Avro files as capture writes them and load reads them. */
import type { DataRecord } from '@waybill/shared/base/record';
import type { DocumentPlaces } from '@waybill/shared/bson/document-places';
import type { SegmentEntry } from '@waybill/shared/manifest/commit';
import { frameBlock } from '@waybill/shared/segment/avro/container';
import { RecordReader, recordBytes, writeRecord } from '@waybill/shared/segment/avro/record';
import { LongReader } from '@waybill/shared/segment/avro/varint';
import type { SegmentCodec } from '@waybill/shared/segment/extension';
import { decodeSegment } from '@waybill/shared/segment/read/reader';
import { encodeChangeSegment } from '@waybill/shared/segment/write/change-writer';
import { SnapshotSegmentWriter } from '@waybill/shared/segment/write/snapshot-writer';
import { NAMESPACE, T0, UUID } from '../data/records.ts';
import { SYNC } from './avsc.ts';

const NAMESPACE_BYTES = Buffer.from(NAMESPACE);

/** Room for all records. It is filled, so that the first to use it does not pay for its pages. */
export function roomFor(records: readonly DataRecord[]): Buffer {
  return Buffer.alloc(
    records.reduce((sum, each) => sum + recordBytes(each, NAMESPACE_BYTES), 0),
    1,
  );
}

export function layOwn(records: readonly DataRecord[], target: Buffer): Buffer {
  let at = 0;
  for (const record of records) at = writeRecord(target, at, record, NAMESPACE_BYTES);
  return target.subarray(0, at);
}

export function readOwn(laid: Buffer, count: number): number {
  const reader = new RecordReader();
  const from = new LongReader(laid);
  let bytes = 0;
  for (let left = count; left > 0; left--) bytes += reader.read(from).document?.length ?? 0;
  return bytes;
}

export const frameOwn = (blocks: readonly Buffer[]): Buffer[] =>
  blocks.map((data) => frameBlock(1000, data, SYNC));

export interface SegmentFile {
  readonly bytes: Buffer;
  readonly entry: SegmentEntry;
}

export async function writeSnapshot(
  batches: readonly DocumentPlaces[],
  codec: SegmentCodec,
): Promise<SegmentFile> {
  const constants = { namespace: NAMESPACE, collectionUuid: UUID, clusterTime: T0 };
  const writer = new SnapshotSegmentWriter({ format: 'avro', codec, ...constants });
  const body = Array.fromAsync(writer.body);
  for (const batch of batches) await writer.append(batch);
  const summary = await writer.finish();
  const entry = {
    kind: 'snapshot',
    key: 's',
    format: 'avro',
    codec,
    ...summary,
    namespace: NAMESPACE,
  } as const;
  return { bytes: Buffer.concat(await body), entry };
}

export async function writeChanges(
  records: readonly DataRecord[],
  codec: SegmentCodec,
): Promise<SegmentFile> {
  const { chunks, entry } = await encodeChangeSegment({
    format: 'avro',
    codec,
    records: [{ lane: 0, records }],
  });
  return { bytes: Buffer.concat(chunks), entry: { ...entry, key: 'c' } };
}

export async function readFile({ bytes, entry }: SegmentFile): Promise<number> {
  let count = 0;
  for await (const block of decodeSegment(bytes, entry.key, entry)) {
    count += block.kind === 'snapshot' ? block.documents.length : block.records.length;
  }
  return count;
}
