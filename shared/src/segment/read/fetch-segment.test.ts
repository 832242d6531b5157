import { randomBytes } from 'node:crypto';
import { MemoryBucket, sampleRecord, storeChanges } from '@waybill/test/support/segment/testing';
import { describe, expect, test } from 'vitest';
import type { DataRecord } from '../../base/record.ts';
import { binary, buildDocument } from '../../bson/build.ts';
import type { SegmentEntry } from '../../manifest/commit.ts';
import { segmentReads } from './fetch-segment.ts';
import { readChangeSegment } from './reader.ts';

const KEY = 'k';
const KIB = 1 << 10;

/** Makes lanes of these sizes, in KiB, that no codec makes smaller. */
async function segmentOf(bucket: MemoryBucket, sizes: readonly number[]): Promise<SegmentEntry> {
  let sequence = 0;
  const records = sizes.map((kib, lane) => ({ lane, records: [incompressible(++sequence, kib * KIB)] }));
  return storeChanges(bucket, KEY, { format: 'avro', codec: 'zstandard', records });
}

function incompressible(sequence: number, bytes: number): DataRecord {
  const document = buildDocument([['noise', binary(0, randomBytes(bytes))]]);
  return { ...sampleRecord(sequence), document, before: null, update: null };
}

describe('the ranges of some lanes', () => {
  test.each<[string, number[], number[], number[][]]>([
    ['neighbours, and the header before them', [50, 50, 50], [0, 1], [[0, 1]]],
    ['across a small gap', [50, 20, 50], [0, 2], [[0, 1, 2]]],
    ['around a large one', [50, 40, 50], [0, 2], [[0], [2]]],
    ['far from the header', [50, 40, 50], [2], [[], [2]]],
    ['of a small segment: one get', [5, 5, 5, 5, 5], [4], [[0, 1, 2, 3, 4]]],
  ])('%s', async (_, sizes, lanes, expected) => {
    const bucket = new MemoryBucket();
    const entry = await segmentOf(bucket, sizes);
    const runs = entry.lanes ?? [];
    const covered = segmentReads(KEY, entry, lanes).map(({ range, bytes }) => {
      expect(bytes).toBe(range?.length);
      const { offset, length } = range ?? { offset: 0, length: 0 };
      return runs
        .filter((run) => run.offset >= offset && run.offset + run.length <= offset + length)
        .map(({ lane }) => lane);
    });
    expect(covered).toEqual(expected);

    const found = await Array.fromAsync(readChangeSegment(bucket, KEY, entry, { lanes }));
    expect(found.map(({ lane, records }) => [lane, records.length])).toEqual(lanes.map((lane) => [lane, 1]));
    expect(bucket.ranges).toEqual(segmentReads(KEY, entry, lanes).map(({ range }) => range));
  });

  test('are none where the segment has none of them, and the whole where it has only them', async () => {
    const bucket = new MemoryBucket();
    const entry = await segmentOf(bucket, [50, 50]);
    expect(segmentReads(KEY, entry, [7])).toEqual([]);
    expect(segmentReads(KEY, entry, [0, 1, 7])).toEqual([{ key: KEY, bytes: entry.bytes }]);
    expect(segmentReads(KEY, entry)).toEqual([{ key: KEY, bytes: entry.bytes }]);
  });
});
