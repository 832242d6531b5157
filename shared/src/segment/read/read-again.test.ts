/** Bytes that are damaged on their way are read once more, and once only. */
import { isDeepStrictEqual } from 'node:util';
import {
  MemoryBucket,
  sampleDocument,
  sampleLanes,
  storeChanges,
  storeSnapshot,
} from '@waybill/test/support/segment/testing';
import { describe, expect, it } from 'vitest';
import { hasCode } from '../../base/errors.ts';
import type { GetOptions } from '../../bucket/bucket.ts';
import { ReadAhead } from '../../bucket/read-ahead.ts';
import type { SegmentEntry } from '../../manifest/commit.ts';
import { segmentReads } from './fetch-segment.ts';
import { type DecodedBlock, readSegment } from './reader.ts';

const KEY = 'stream/segments/x';

type Damage = (bytes: Buffer) => Buffer;

/** The first gets bring damaged bytes. The stored object stays whole. */
class DamagingBucket extends MemoryBucket {
  damage: Damage = flip;
  left = 0;

  override async get(key: string, options?: GetOptions): Promise<Buffer> {
    const bytes = await super.get(key, options);
    return this.left-- > 0 ? this.damage(bytes) : bytes;
  }
}

const flipAt = (bytes: Buffer, at: number): Buffer => {
  const copy = Buffer.from(bytes);
  copy[at]! ^= 0x10;
  return copy;
};
/**
 * In a header this damages the sync marker. Damage in most of the schema's text may stay unseen.
 */
const flip: Damage = (bytes) => flipAt(bytes, bytes.length - 2);
const damages: [string, Damage][] = [
  ['one bit flipped', flip],
  ['cut short', (bytes) => bytes.subarray(0, -3)],
  ['empty', () => Buffer.alloc(0)],
  ['with bytes behind it', (bytes) => Buffer.concat([bytes, bytes])],
];

type Store = (bucket: DamagingBucket) => Promise<SegmentEntry>;
const snapshot: Store = (bucket) =>
  storeSnapshot(bucket, KEY, 'avro', 'zstandard', [[sampleDocument(1), sampleDocument(2)]]);
const changes: Store = (bucket) =>
  // The lanes lie further apart than one get reads over.
  storeChanges(bucket, KEY, { format: 'avro', codec: 'null', records: sampleLanes(90, 3, 1000) });
const segments: [string, Store, number[] | undefined][] = [
  ['a snapshot segment', snapshot, undefined],
  ['a change segment', changes, undefined],
  ['one lane of a change segment', changes, [2]],
];

interface Read {
  readonly blocks: DecodedBlock[];
  readonly again: unknown[];
  readonly error: unknown;
}

async function read(bucket: DamagingBucket, entry: SegmentEntry, lanes?: number[]): Promise<Read> {
  const signal = new AbortController().signal;
  const ahead = new ReadAhead(bucket, { bytes: 1 << 20, signal });
  for (const each of segmentReads(KEY, entry, lanes)) ahead.expect(each);
  const found: Read = { blocks: [], again: [], error: undefined };
  const onRetry = (error: unknown): void => void found.again.push(error);
  try {
    for await (const block of readSegment(ahead, KEY, entry, { lanes, onRetry })) found.blocks.push(block);
  } catch (error) {
    return { ...found, error };
  }
  return found;
}

describe.each(segments)('%s that comes damaged', (_what, store, lanes) => {
  it.each(damages)('(%s) is read once more, and is whole then', async (_how, damage) => {
    const bucket = new DamagingBucket();
    const entry = await store(bucket);
    const { blocks } = await read(bucket, entry, lanes);
    bucket.ranges.length = 0;
    Object.assign(bucket, { damage, left: 1 });
    const found = await read(bucket, entry, lanes);
    expect(found).toEqual({
      blocks,
      again: [expect.objectContaining({ code: 'SEGMENT_CORRUPT' })],
      error: undefined,
    });
    const expected = segmentReads(KEY, entry, lanes).map(({ range }) => range ?? 'whole');
    expect(bucket.ranges).toEqual([...expected, ...expected]);
  });

  it.each(damages)('(%s) twice is corrupt, and nothing of it is given out', async (_how, damage) => {
    const bucket = new DamagingBucket();
    const entry = await store(bucket);
    const gets = segmentReads(KEY, entry, lanes).length;
    Object.assign(bucket, { damage, left: 2 * gets });
    const { blocks, again, error } = await read(bucket, entry, lanes);
    expect(hasCode(error, 'SEGMENT_CORRUPT')).toBe(true);
    expect(blocks).toEqual([]);
    expect(again).toHaveLength(1);
    expect(bucket.ranges).toHaveLength(2 * gets);
  });
});

it('a header that no hash covers is read once more, wherever it was damaged', async () => {
  const bucket = new DamagingBucket();
  const entry = await changes(bucket);
  const { blocks } = await read(bucket, entry, [2]);
  let again = 0;
  for (let at = 0; at < entry.headerBytes!; at += 11) {
    Object.assign(bucket, { damage: (bytes: Buffer) => flipAt(bytes, at), left: 1 });
    const found = await read(bucket, entry, [2]);
    expect(isDeepStrictEqual(found.blocks, blocks)).toBe(true);
    again += found.again.length;
  }
  expect(again).toBeGreaterThan(20);
});
