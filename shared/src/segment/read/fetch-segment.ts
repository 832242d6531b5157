import { createHash } from 'node:crypto';
import { hasCode } from '../../base/errors.ts';
import type { ByteRange, CallOptions, ObjectReader } from '../../bucket/bucket.ts';
import { getKnown } from '../../bucket/known-object.ts';
import type { ExpectedRead } from '../../bucket/read-ahead.ts';
import type { LaneRun, SegmentEntry } from '../../manifest/commit.ts';
import { corrupt } from '../corrupt.ts';
import { type ReadAgainOptions, readAgain } from './read-again.ts';

/**
 * Unwanted bytes between two ranges that are read with them rather than around. They take about as
 * long as a request costs a client and a store beside its latency, a millisecond, and out of a
 * region they are billed about as much. So a small segment comes in one get, and no get brings more
 * than this in vain for each one that it saves.
 */
const GAP_BYTES = 32 << 10;

/**
 * Bytes of a segment that have been checked against the manifest, and which lane they belong to.
 */
export interface VerifiedRun {
  readonly run: LaneRun;
  readonly bytes: Buffer;
}

/**
 * The whole object, its size and SHA-256 checked. Throws SEGMENT_CORRUPT where either differs in
 * two reads.
 */
export function fetchWhole(
  bucket: ObjectReader,
  key: string,
  entry: SegmentEntry,
  options: ReadAgainOptions,
): Promise<Buffer> {
  return readAgain(async () => {
    const bytes = await getKnown(bucket, key, { signal: options.signal });
    if (bytes.length !== entry.bytes) {
      throw corrupt(key, `it has ${bytes.length} bytes, and the manifest says ${entry.bytes}`);
    }
    assertHash(key, bytes, entry.sha256, 'its SHA-256');
    return bytes;
  }, options);
}

/** Header and runs as the manifest's entry places them. */
export interface FetchedChanges {
  /** No hash of a run covers it: what is read from it must be checked by its meaning. */
  readonly header: Buffer;
  readonly runs: readonly VerifiedRun[];
}

/**
 * Some runs of the object and its header, each run's SHA-256 checked. All ranges are asked for at
 * once, and once.
 */
export async function fetchRuns(
  bucket: ObjectReader,
  key: string,
  entry: SegmentEntry,
  runs: readonly LaneRun[],
  options: CallOptions,
): Promise<FetchedChanges> {
  const ranges = rangesOf(entry, runs);
  const parts = await Promise.all(ranges.map((range) => fetchRange(bucket, key, range, options)));
  const cut = (offset: number, length: number): Buffer => {
    // Sorted and apart: what is wanted lies in the last that begins before it.
    const at = ranges.findLastIndex((range) => range.offset <= offset);
    const from = offset - (ranges[at]?.offset ?? 0);
    return parts[at]?.subarray(from, from + length) ?? Buffer.alloc(0);
  };
  const verified = runs.map((run) => {
    const bytes = cut(run.offset, run.length);
    assertHash(key, bytes, run.sha256, `the SHA-256 of lane ${run.lane}`);
    return { run, bytes };
  });
  return { header: cut(0, entry.headerBytes ?? 0), runs: verified };
}

/**
 * The gets by which a segment is read, for a {@link ReadAhead}: the whole object, or the ranges of
 * some of its lanes.
 */
export function segmentReads(key: string, entry: SegmentEntry, lanes?: readonly number[]): ExpectedRead[] {
  const all = entry.lanes ?? [];
  const wanted = wantedRuns(all, lanes);
  if (wanted === all) return [{ key, bytes: entry.bytes }];
  return rangesOf(entry, wanted).map((range) => ({ key, range, bytes: range.length }));
}

/** The list itself where all are wanted: then one get brings the whole object. */
export function wantedRuns(
  all: readonly LaneRun[],
  lanes: readonly number[] | undefined,
): readonly LaneRun[] {
  const wanted = all.filter((run) => lanes === undefined || lanes.includes(run.lane));
  return wanted.length === all.length ? all : wanted;
}

/** Header and runs in the order of the file; what lies near enough to each other is one range. */
function rangesOf({ headerBytes = 0 }: SegmentEntry, runs: readonly LaneRun[]): ByteRange[] {
  if (runs.length === 0) return [];
  const ranges: { offset: number; length: number }[] =
    headerBytes > 0 ? [{ offset: 0, length: headerBytes }] : [];
  for (const { offset, length } of runs.toSorted((a, b) => a.offset - b.offset)) {
    const last = ranges.at(-1);
    if (last && offset - (last.offset + last.length) <= GAP_BYTES)
      last.length = offset + length - last.offset;
    else ranges.push({ offset, length });
  }
  return ranges;
}

async function fetchRange(
  bucket: ObjectReader,
  key: string,
  range: ByteRange,
  options: CallOptions,
): Promise<Buffer> {
  try {
    const bytes = await getKnown(bucket, key, { range, signal: options.signal });
    if (bytes.length === range.length) return bytes;
  } catch (error) {
    if (!hasCode(error, 'BUCKET_RANGE_INVALID')) throw error;
  }
  throw corrupt(key, `it ends before byte ${range.offset + range.length}`);
}

function assertHash(key: string, bytes: Buffer, expected: string, what: string): void {
  if (createHash('sha256').update(bytes).digest('hex') !== expected) {
    throw corrupt(key, `${what} is not what the manifest says`);
  }
}
