import { createHash } from 'node:crypto';
import { finished } from 'node:stream/promises';
import zlib from 'node:zlib';
import { EventChange } from '@waybill/capture/record/event-change';
import schema from '@waybill/schemas/record.avsc.json' with { type: 'json' };
import { clusterTimeIncrement, clusterTimeSeconds } from '@waybill/shared/base/position';
import type { DataRecord } from '@waybill/shared/base/record';
import { buildArray, buildDocument, date, doc, string, timestamp, uuid } from '@waybill/shared/bson/build';
import { DocumentPlaces } from '@waybill/shared/bson/document-places';
import { readChangeEvent } from '@waybill/shared/bson/read-change-event';
import { documentId } from '@waybill/shared/bson/statement';
import type { SegmentEntry } from '@waybill/shared/manifest/commit';
import { frameBlock } from '@waybill/shared/segment/avro/container';
import { RecordReader, recordBytes, writeRecord } from '@waybill/shared/segment/avro/record';
import { LongReader } from '@waybill/shared/segment/avro/varint';
import type { SegmentCodec } from '@waybill/shared/segment/extension';
import { decodeSegment } from '@waybill/shared/segment/read/reader';
import { encodeChangeSegment } from '@waybill/shared/segment/write/change-writer';
import { SnapshotSegmentWriter } from '@waybill/shared/segment/write/snapshot-writer';
import avsc from 'avsc';
import { COLLECTION, DATABASE, order } from '../data/orders.ts';
import type { Bench } from '../harness/bench.ts';
import type { Measure } from '../report/measure.ts';

/** Documents of each file: 50 MB, of which a segment of a real stream has one or two. */
const MOST_DOCUMENTS = 50_000;
/** Documents of one `append`: about 4 MiB, as a cursor's batch brings them. */
const BATCH = 4_000;
const BLOCK_BYTES = 1 << 20;
const NAMESPACE = `${DATABASE}.${COLLECTION}`;
const UUID = Buffer.alloc(16, 7);
const T0 = (1_700_000_000n << 32n) | 1n;
const NAMESPACE_BYTES = Buffer.from(NAMESPACE);
/** Without compression what is compared is Avro alone. */
const CODECS = ['null', 'zstandard'] as const;

const RECORD = avsc.Type.forSchema(schema as avsc.Schema);

/** Waybill's own Avro beside the same with `avsc`, on the same records, in this process. */
export async function avro({ documents, rounds, log }: Bench): Promise<readonly Measure[]> {
  const bodies = Array.from({ length: Math.min(documents, MOST_DOCUMENTS) }, (_, at) =>
    Buffer.from(order(at)),
  );
  const changes = bodies.map(changeOf);
  const batches = inBatches(bodies);
  const target = Buffer.alloc(changes.reduce((sum, each) => sum + recordBytes(each, NAMESPACE_BYTES), 0));
  const figures = new Map<string, { own: number[]; avsc: number[] }>();
  const compare = async (name: string, own: Work, other: Work): Promise<void> => {
    const known = figures.get(name) ?? { own: [], avsc: [] };
    known.own.push(await seconds(own));
    known.avsc.push(await seconds(other));
    figures.set(name, known);
  };
  // The first round warms the engine up and does not count.
  for (let round = 0; round <= rounds; round++) {
    if (round === 1) figures.clear();
    log(`avro, round ${round} of ${rounds}`);
    await compare(
      'records of changes, laid',
      () => layOwn(changes, target),
      () => layAvsc(changes, target),
    );
    const laid = layOwn(changes, target);
    await compare(
      'records of changes, read',
      () => readOwn(laid, changes.length),
      () => readAvsc(laid),
    );
    const blocks = cutBlocks(laid);
    await compare(
      'blocks, framed',
      () => frameOwn(blocks),
      () => frameAvsc(blocks),
    );
    for (const codec of CODECS) {
      const snapshot = await writeSnapshot(batches, codec);
      await compare(
        `snapshot file (${codec}), written`,
        () => writeSnapshot(batches, codec),
        () => writeAvsc(bodies.map(snapshotRecord), codec),
      );
      await compare(
        `snapshot file (${codec}), read`,
        () => readFile(snapshot),
        () => readAvscFile(snapshot.bytes),
      );
      const file = await writeChanges(changes, codec);
      await compare(
        `change file (${codec}), written`,
        () => writeChanges(changes, codec),
        () => writeAvsc(changes.map(avscRecord), codec),
      );
      await compare(
        `change file (${codec}), read`,
        () => readFile(file),
        () => readAvscFile(file.bytes),
      );
    }
  }
  return [...figures].map(([name, { own, avsc: peer }]) => ({
    name: `Avro: ${name}`,
    unit: 's',
    waybill: own,
    peer,
    peerName: 'avsc',
  }));
}

type Work = () => unknown;

async function seconds(work: Work): Promise<number> {
  const startedAt = performance.now();
  await work();
  return (performance.now() - startedAt) / 1000;
}

/** As capture holds it: places in the bytes of an event. */
function changeOf(document: Buffer, at: number): EventChange {
  const event = buildDocument([
    ['_id', doc(buildDocument([['_data', string('token')]]))],
    ['operationType', string('insert')],
    ['clusterTime', timestamp(T0 + BigInt(at))],
    ['wallTime', date(1_700_000_000_000 + at)],
    [
      'ns',
      doc(
        buildDocument([
          ['db', string(DATABASE)],
          ['coll', string(COLLECTION)],
        ]),
      ),
    ],
    ['collectionUUID', uuid(UUID)],
    ['documentKey', doc(keyOf(document))],
    ['fullDocument', doc(document)],
  ]);
  const traits = { namespaceHash: 1, laneHash: null, lanes: 1, capped: false };
  const change = new EventChange(readChangeEvent(event), NAMESPACE, traits);
  change.sequence = at + 1;
  return change;
}

const keyOf = (document: Buffer): Buffer => buildDocument([['_id', documentId(document)]]);

/** As avsc takes it: in an object of its own, since it knows no ClusterTime. */
function avscRecord(record: DataRecord): object {
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

function snapshotRecord(document: Buffer): object {
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

function layOwn(records: readonly DataRecord[], target: Buffer): Buffer {
  let at = 0;
  for (const record of records) at = writeRecord(target, at, record, NAMESPACE_BYTES);
  return target.subarray(0, at);
}

function layAvsc(records: readonly DataRecord[], target: Buffer): Buffer {
  let at = 0;
  for (const record of records) at = RECORD.encode(avscRecord(record), target, at);
  return target.subarray(0, at);
}

function readOwn(laid: Buffer, count: number): number {
  const reader = new RecordReader();
  const from = new LongReader(laid);
  let bytes = 0;
  for (let left = count; left > 0; left--) bytes += reader.read(from).document?.length ?? 0;
  return bytes;
}

function readAvsc(laid: Buffer): number {
  let bytes = 0;
  for (let at = 0; at < laid.length; ) {
    const { value, offset } = RECORD.decode(laid, at) as { value: { document: Buffer }; offset: number };
    bytes += value.document.length;
    at = offset;
  }
  return bytes;
}

const SYNC = createHash('md5').digest();
const BLOCK = avsc.Type.forSchema({
  type: 'record',
  fields: [
    { name: 'count', type: 'long' },
    { name: 'data', type: 'bytes' },
    { name: 'sync', type: { type: 'fixed', size: SYNC.length } },
  ],
} as avsc.Schema);

function cutBlocks(bytes: Buffer): Buffer[] {
  const blocks: Buffer[] = [];
  for (let at = 0; at < bytes.length; at += BLOCK_BYTES) blocks.push(bytes.subarray(at, at + BLOCK_BYTES));
  return blocks;
}

const frameOwn = (blocks: readonly Buffer[]): Buffer[] => blocks.map((data) => frameBlock(1000, data, SYNC));
const frameAvsc = (blocks: readonly Buffer[]): Buffer[] =>
  blocks.map((data) => BLOCK.toBuffer({ count: 1000, data, sync: SYNC }));

/** As the replies of a cursor bring them. */
function inBatches(documents: readonly Buffer[]): DocumentPlaces[] {
  const batches: DocumentPlaces[] = [];
  for (let at = 0; at < documents.length; at += BATCH) {
    batches.push(DocumentPlaces.ofArray(buildArray(documents.slice(at, at + BATCH).map(doc))));
  }
  return batches;
}

interface File {
  readonly bytes: Buffer;
  readonly entry: SegmentEntry;
}

async function writeSnapshot(batches: readonly DocumentPlaces[], codec: SegmentCodec): Promise<File> {
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

async function writeChanges(records: readonly DataRecord[], codec: SegmentCodec): Promise<File> {
  const { chunks, entry } = await encodeChangeSegment({
    format: 'avro',
    codec,
    records: [{ lane: 0, records }],
  });
  return { bytes: Buffer.concat(chunks), entry: { ...entry, key: 'c' } };
}

async function readFile({ bytes, entry }: File): Promise<number> {
  let count = 0;
  for await (const block of decodeSegment(bytes, entry.key, entry)) {
    count += block.kind === 'snapshot' ? block.documents.length : block.records.length;
  }
  return count;
}

type Hook = (data: Buffer, done: (error: Error | null, result?: Buffer) => void) => void;

async function writeAvsc(records: Iterable<object>, codec: SegmentCodec): Promise<Buffer> {
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
  // The manifest wants it of every file.
  createHash('sha256').update(bytes).digest();
  return bytes;
}

const LEVEL_1 = { params: { [zlib.constants.ZSTD_c_compressionLevel]: 1 } };

async function readAvscFile(file: Buffer): Promise<number> {
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
