import { createHash } from 'node:crypto';
import { hasCode } from '../../base/errors.ts';
import type { ByteRange, CallOptions, ObjectReader } from '../../bucket/bucket.ts';
import { getKnown } from '../../bucket/known-object.ts';
import type { ExpectedRead } from '../../bucket/read-ahead.ts';
import type { LaneRun, SegmentEntry } from '../../manifest/commit.ts';
import { corrupt } from '../corrupt.ts';
import { type ReadAgainOptions, readAgain } from './read-again.ts';

/**
 * One get reads two ranges with at most this many unwanted bytes between them. These bytes take
 * about as long as a request costs a client and a store beside its latency: a millisecond. Out of a
 * region they are billed about as much as a request. So a small segment comes in one get, and a get
 * brings at most this much in vain for each get that it saves.
 */
const GAP_BYTES = 32 << 10;

/** The bytes of one lane's run in a segment, checked against the manifest. */
export interface VerifiedRun {
  readonly run: LaneRun;
  readonly bytes: Buffer;
}

/**
 * Fetches the whole object, and checks its size and SHA-256. Throws SEGMENT_CORRUPT if either
 * differs in two reads.
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

/** The header and the runs, as the manifest's entry places them. */
export interface FetchedChanges {
  /**
   * No hash of a run covers the header. Readers must check what they read from it by its meaning.
   */
  readonly header: Buffer;
  readonly runs: readonly VerifiedRun[];
}

/**
 * Fetches some runs of the object and its header, and checks each run's SHA-256. Asks for all
 * ranges at once, and once.
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
    // The ranges are sorted and apart. The wanted bytes lie in the last range that begins at or
    // before them.
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
 * Lists the gets that read a segment, for a {@link ReadAhead}: one of the whole object, or the
 * ranges of some of its lanes.
 */
export function segmentReads(key: string, entry: SegmentEntry, lanes?: readonly number[]): ExpectedRead[] {
  const all = entry.lanes ?? [];
  const wanted = wantedRuns(all, lanes);
  if (wanted === all) return [{ key, bytes: entry.bytes }];
  return rangesOf(entry, wanted).map((range) => ({ key, range, bytes: range.length }));
}

/**
 * Returns the runs of the wanted lanes. If all are wanted, it returns `all` itself: then one get
 * brings the whole object.
 */
export function wantedRuns(
  all: readonly LaneRun[],
  lanes: readonly number[] | undefined,
): readonly LaneRun[] {
  const wanted = all.filter((run) => lanes === undefined || lanes.includes(run.lane));
  return wanted.length === all.length ? all : wanted;
}

/**
 * Returns the ranges of the header and the runs, in file order. Ranges at most GAP_BYTES apart are
 * one.
 */
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
