import { createHash } from 'node:crypto';
import type { Bucket } from '../bucket/bucket.ts';
import { getKnown } from '../bucket/known-object.ts';
import { hasCode } from '../errors.ts';
import type { LaneRun, SegmentEntry } from '../manifest/commit.ts';
import { corrupt } from './corrupt.ts';

/** Bytes of a segment that have been checked against the manifest, and which lane they belong to. */
export interface VerifiedRun {
  readonly run: LaneRun;
  readonly bytes: Buffer;
}

interface FetchOptions {
  readonly signal?: AbortSignal | undefined;
}

/** The whole object, its size and SHA-256 checked. Throws SEGMENT_CORRUPT where either differs. */
export async function fetchWhole(
  bucket: Bucket,
  key: string,
  entry: SegmentEntry,
  options: FetchOptions,
): Promise<Buffer> {
  const bytes = await getKnown(bucket, key, { signal: options.signal });
  if (bytes.length !== entry.bytes) {
    throw corrupt(key, `it has ${bytes.length} bytes, and the manifest says ${entry.bytes}`);
  }
  assertHash(key, bytes, entry.sha256, 'its SHA-256');
  return bytes;
}

/** The first bytes, which no hash of a run covers: what is read from them must be checked by its meaning. */
export async function fetchHeader(
  bucket: Bucket,
  key: string,
  headerBytes: number,
  options: FetchOptions,
): Promise<Buffer> {
  return fetchRange(bucket, key, { offset: 0, length: headerBytes }, options);
}

/** Some runs of the object, each one's SHA-256 checked; neighbours come in one ranged get. */
export async function fetchRuns(
  bucket: Bucket,
  key: string,
  runs: readonly LaneRun[],
  options: FetchOptions,
): Promise<VerifiedRun[]> {
  const groups = mergeNeighbours(runs).map(async (neighbours) => {
    const offset = neighbours[0]!.offset;
    const length = neighbours.reduce((sum, run) => sum + run.length, 0);
    const bytes = await fetchRange(bucket, key, { offset, length }, options);
    return neighbours.map((run) => {
      const part = bytes.subarray(run.offset - offset, run.offset - offset + run.length);
      assertHash(key, part, run.sha256, `the SHA-256 of lane ${run.lane}`);
      return { run, bytes: part };
    });
  });
  return (await Promise.all(groups)).flat();
}

function mergeNeighbours(runs: readonly LaneRun[]): LaneRun[][] {
  const groups: LaneRun[][] = [];
  for (const run of runs.toSorted((a, b) => a.offset - b.offset)) {
    const group = groups.at(-1);
    const previous = group?.at(-1);
    if (group && previous && previous.offset + previous.length === run.offset) group.push(run);
    else groups.push([run]);
  }
  return groups;
}

async function fetchRange(
  bucket: Bucket,
  key: string,
  range: { offset: number; length: number },
  options: FetchOptions,
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
