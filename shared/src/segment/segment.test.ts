import { Readable } from 'node:stream';
import { isDeepStrictEqual } from 'node:util';
import zlib from 'node:zlib';
import {
  MemoryBucket,
  SNAPSHOT,
  sampleDocument,
  sampleLanes,
  sampleRecord,
  storeChanges,
  storeSnapshot,
} from '@waybill/test/support/segment/testing';
import avsc from 'avsc';
import { describe, expect, it } from 'vitest';
import type { DataRecord } from '../base/record.ts';
import type { SegmentCodec, SegmentFormat } from './extension.ts';
import { segmentReads } from './read/fetch-segment.ts';
import { readChangeSegment, readSegment, readSnapshotSegment } from './read/reader.ts';

const KINDS: readonly (readonly [SegmentFormat, SegmentCodec])[] = [
  ['avro', 'zstandard'],
  ['avro', 'deflate'],
  ['avro', 'null'],
  ['jsonl', 'zstandard'],
  ['jsonl', 'gzip'],
  ['jsonl', 'null'],
];

const KEY = 'stream/segments/x';

const documents = (count: number, bytes?: number): Buffer[] =>
  Array.from({ length: count }, (_, index) => sampleDocument(index, bytes));

describe.each(KINDS)('a segment of %s, codec %s', (format, codec) => {
  it('gives back a snapshot, block by block', async () => {
    const bucket = new MemoryBucket();
    const all = documents(3000, 1000);
    const entry = await storeSnapshot(bucket, KEY, format, codec, [all.slice(0, 1200), [], all.slice(1200)]);
    const batches = await Array.fromAsync(readSnapshotSegment(bucket, KEY, entry));
    expect(batches.length).toBeGreaterThan(2);
    expect(
      isDeepStrictEqual(
        batches.flatMap((batch) => batch.documents),
        all,
      ),
    ).toBe(true);
    expect(entry).toMatchObject({ records: 3000, documentBytes: Buffer.concat(all).length });
    expect(entry.bytes).toBe(bucket.objects.get(KEY)?.length);
  });

  it('gives back changes, all of them or some lanes from their own bytes', async () => {
    const bucket = new MemoryBucket();
    const lanes = sampleLanes(1500, 5, 1500);
    const entry = await storeChanges(bucket, KEY, { format, codec, records: lanes });
    const read = async (wanted?: number[]): Promise<Map<number, DataRecord[]>> => {
      const found = new Map<number, DataRecord[]>();
      for await (const { lane, records } of readChangeSegment(bucket, KEY, entry, { lanes: wanted })) {
        found.set(lane, [...(found.get(lane) ?? []), ...records]);
      }
      return found;
    };
    const whole = await read();
    expect(
      isDeepStrictEqual(
        [...whole],
        lanes.map(({ lane, records }) => [lane, records]),
      ),
    ).toBe(true);

    bucket.ranges.length = 0;
    const some = await read([1, 2, 4, 9]);
    expect(
      isDeepStrictEqual(
        [...some],
        [1, 2, 4].map((lane) => [lane, lanes[lane]?.records]),
      ),
    ).toBe(true);
    expect(bucket.ranges).toEqual(segmentReads(KEY, entry, [1, 2, 4, 9]).map(({ range }) => range));
    expect(bucket.ranges).not.toContain('whole');
    expect(await read([9])).toEqual(new Map());
  });

  it('says in its entry what it holds', async () => {
    const entry = await storeChanges(new MemoryBucket(), KEY, { format, codec, records: sampleLanes(50, 3) });
    expect(entry).toMatchObject({
      kind: 'changes',
      records: 50,
      firstSequence: 1,
      lastSequence: 50,
      firstClusterTime: '1790000000:1',
      lastClusterTime: '1790000000:50',
      operations: { update: 40, delete: 10 },
    });
    expect(entry.lanes?.map(({ lane, records, firstSequence }) => [lane, records, firstSequence])).toEqual([
      [0, 16, 3],
      [1, 17, 1],
      [2, 17, 2],
    ]);
  });

  it('may be empty', async () => {
    const bucket = new MemoryBucket();
    const snapshot = await storeSnapshot(bucket, KEY, format, codec, []);
    expect(await Array.fromAsync(readSegment(bucket, KEY, snapshot))).toEqual([]);
    const changes = await storeChanges(bucket, KEY, { format, codec, records: [{ lane: 0, records: [] }] });
    expect(changes.lanes).toEqual([]);
    expect(await Array.fromAsync(readSegment(bucket, KEY, changes))).toEqual([]);
  });

  it('refuses a truncated file and a flipped byte wherever it is, and gives nothing out', async () => {
    const bucket = new MemoryBucket();
    const entry = await storeChanges(bucket, KEY, { format, codec, records: sampleLanes(30, 3) });
    const good = bucket.objects.get(KEY)!;
    const refuse = async (bytes: Buffer, lanes?: number[]): Promise<void> => {
      bucket.objects.set(KEY, bytes);
      const given: unknown[] = [];
      const reading = (async () => {
        for await (const block of readSegment(bucket, KEY, entry, { lanes })) given.push(block);
      })();
      await expect(reading).rejects.toMatchObject({ code: 'SEGMENT_CORRUPT' });
      await expect(reading).rejects.toThrow(KEY);
      expect(given).toEqual([]);
    };
    for (let at = 0; at < good.length; at += Math.max(1, Math.floor(good.length / 60))) {
      const bad = Buffer.from(good);
      bad[at]! ^= 1 << (at % 8);
      await refuse(bad);
      await refuse(good.subarray(0, at));
      const run = entry.lanes!.find(({ offset, length }) => at >= offset && at < offset + length);
      if (run === undefined) continue;
      await refuse(bad, [run.lane]);
      await refuse(good.subarray(0, at), [run.lane]);
    }
    await refuse(Buffer.concat([good, Buffer.from([0])]));
  });
});

describe('an Avro segment', () => {
  const codecs = {
    zstandard: (bytes: Buffer, done: (error: Error | null, raw?: Buffer) => void) =>
      zlib.zstdDecompress(bytes, done),
  };
  const avscRead = async (file: Buffer): Promise<unknown[]> => {
    const decoder = new avsc.streams.BlockDecoder({ codecs });
    return Array.fromAsync(
      Readable.from([file], { objectMode: false }).pipe(decoder) as AsyncIterable<unknown>,
    );
  };

  it('is an ordinary Avro file to avsc, however many lanes and blocks', async () => {
    const bucket = new MemoryBucket();
    const lanes = sampleLanes(1000, 4, 2500).map((lane) => ({
      ...lane,
      // avsc gives longs as numbers
      records: lane.records.map((record) => ({ ...record, transaction: null })),
    }));
    await storeChanges(bucket, KEY, { format: 'avro', codec: 'zstandard', records: lanes });
    const found = await avscRead(bucket.objects.get(KEY)!);
    const plain = (record: DataRecord): object => ({
      ...record,
      clusterTime: { seconds: 1_790_000_000, increment: record.sequence },
    });
    expect(JSON.stringify(found)).toBe(JSON.stringify(lanes.flatMap(({ records }) => records.map(plain))));
  });

  it('of a snapshot holds to avsc whole records', async () => {
    const bucket = new MemoryBucket();
    const document = sampleDocument(5);
    await storeSnapshot(bucket, KEY, 'avro', 'zstandard', [[document]]);
    expect(await avscRead(bucket.objects.get(KEY)!)).toEqual([
      {
        sequence: 0,
        operation: 'read',
        namespace: SNAPSHOT.namespace,
        collectionUuid: SNAPSHOT.collectionUuid,
        clusterTime: { seconds: 1_790_000_000, increment: 7 },
        wallTime: null,
        transaction: null,
        documentKey: sampleRecord(5).documentKey,
        document,
        documentOrigin: 'snapshot',
        update: null,
        before: null,
      },
    ]);
  });
});
