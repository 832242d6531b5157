/**
 * Reads a log: it gets commits by number, in order, and checks each against the one before it
 * (BF-4, BF-5). A commit is one object, so a reader sees all of it or none (INV-5). Only a cold
 * start uses LIST.
 */

import { hasCode } from '../base/errors.ts';
import type { Bucket } from '../bucket/bucket.ts';
import { lookedForAgain } from '../bucket/known-object.ts';
import { patientList } from '../bucket/patient-list.ts';
import { latestCheckpoint } from './checkpoint.ts';
import { type ChainedCommit, corrupt, decodeCommit } from './codec.ts';
import { foldCommit } from './fold.ts';
import { commitKey, manifestPrefix, numberInKey } from './keys.ts';
import type { KnownHead, LogPoint } from './known-head.ts';
import { type LogOptions, retried } from './options.ts';
import { EMPTY_STATE, type StreamState } from './state.ts';

/**
 * A reader that is behind fetches this many commits at once. A commit is a few KiB; a plan may
 * reach a few MiB.
 */
const READ_AHEAD = 16;
export interface ReadCommitsOptions extends LogOptions {
  readonly after?: LogPoint | undefined;
  /**
   * For a reader that reads again and again: it believes that there is nothing more only if the
   * last commit that it read still exists.
   */
  readonly head?: KnownHead | undefined;
}

/**
 * Reads one commit by its number. Checks the commit itself, but not against its predecessor.
 * Returns null if there is none (yet).
 */
export async function readCommit(
  bucket: Bucket,
  prefix: string,
  seq: number,
  options: LogOptions = {},
): Promise<ChainedCommit | null> {
  try {
    return await fetchCommit(bucket, prefix, seq, options);
  } catch (error) {
    if (hasCode(error, 'BUCKET_OBJECT_MISSING')) return null;
    throw error;
  }
}

/**
 * Reads a commit that is known to exist.
 * @throws MANIFEST_CORRUPT with the given fault, if the commit stays missing
 */
export async function readKnownCommit(
  bucket: Bucket,
  prefix: string,
  seq: number,
  fault: string,
  options: LogOptions = {},
): Promise<ChainedCommit> {
  try {
    return await lookedForAgain(() => fetchCommit(bucket, prefix, seq, options), options);
  } catch (error) {
    if (!hasCode(error, 'BUCKET_OBJECT_MISSING')) throw error;
    throw corrupt(`commit ${seq}`, fault, commitKey(prefix, seq));
  }
}

async function fetchCommit(
  bucket: Bucket,
  prefix: string,
  seq: number,
  options: LogOptions,
): Promise<ChainedCommit> {
  const key = commitKey(prefix, seq);
  const bytes = await retried((call) => bucket.get(key, call), options);
  return decodeCommit(bytes, seq, key);
}

/**
 * Cold start: returns the folded state of the log at its head. `seq` is 0 if there is no log.
 * @throws MANIFEST_CORRUPT, FORMAT_UNSUPPORTED, or the bucket's errors
 */
export async function readManifest(
  bucket: Bucket,
  prefix: string,
  options: LogOptions = {},
): Promise<StreamState> {
  let state = (await latestCheckpoint(bucket, prefix, options)) ?? EMPTY_STATE;
  for (;;) {
    for await (const next of readCommits(bucket, prefix, { ...options, after: state })) {
      state = foldCommit(state, next);
    }
    if (!(await hasCommitsBeyond(bucket, prefix, state.seq, options))) return state;
    // Either a commit came since the last GET, or there is a hole. A look at the number itself
    // tells which.
    await readKnownCommit(bucket, prefix, state.seq + 1, 'it is missing, and later ones are there', options);
  }
}

/**
 * Yields all commits after a point, up to the head. It asks ahead for as many as it has found so
 * far, up to a bound. So a reader that follows a stream asks for one missing number, and not for
 * several.
 */
export async function* readCommits(
  bucket: Bucket,
  prefix: string,
  options: ReadCommitsOptions = {},
): AsyncGenerator<ChainedCommit, LogPoint> {
  let point: LogPoint = options.after ?? EMPTY_STATE;
  const ahead: Promise<ChainedCommit | null>[] = [];
  for (let found = 0; ; found++) {
    const width = Math.min(READ_AHEAD, Math.max(1, found));
    while (ahead.length < width) {
      const one = readCommit(bucket, prefix, point.seq + 1 + ahead.length, options);
      // If one fails, the failures of the others must not stay unhandled. Each one is met again
      // below, in order.
      one.catch(() => undefined);
      ahead.push(one);
    }
    const next = await ahead.shift();
    if (!next) {
      const end = point;
      if (options.head) await retried(async (call) => options.head?.assertStands(end, call), options);
      return point;
    }
    assertChains(point, next);
    point = { seq: next.commit.seq, hash: next.hash };
    yield next;
  }
}

function assertChains(point: LogPoint, { commit }: ChainedCommit): void {
  if (commit.previous === point.hash) return;
  throw corrupt(
    `commit ${commit.seq}`,
    `it does not chain: the hash that it carries is not that of commit ${point.seq}`,
  );
}

/** True if there is a commit with a higher number than `seq`, next to it or not. */
export async function hasCommitsBeyond(
  bucket: Bucket,
  prefix: string,
  seq: number,
  options: LogOptions,
): Promise<boolean> {
  const startAfter = seq === 0 ? undefined : commitKey(prefix, seq);
  for await (const { key } of patientList(bucket, manifestPrefix(prefix), { ...options, startAfter })) {
    if (numberInKey(key) !== undefined) return true;
  }
  return false;
}
