/**
 * Reading a log. GET by number, in order, each commit checked against the one before it (BF-4,
 * BF-5); a commit is one object, so a reader sees all of it or none (INV-5). LIST only on a cold
 * start.
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
 * Commits fetched at once by a reader that is behind. A commit is a few KiB; a plan may reach a few
 * MiB.
 */
const READ_AHEAD = 16;
export interface ReadCommitsOptions extends LogOptions {
  readonly after?: LogPoint | undefined;
  /**
   * For who reads again and again: that there is nothing more is believed only where
   * what was read still stands.
   */
  readonly head?: KnownHead | undefined;
}

/**
 * One commit by its number, checked in itself but not against its predecessor; null where there is
 * none (yet).
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
 * A commit that is known to be there.
 * @throws MANIFEST_CORRUPT with the fault given, where it stays missing
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
 * Cold start: the folded state of the log at its head; `seq` is 0 where there is no log.
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
    // Either a commit came since the last GET, or there is a hole: a look at the number itself
    // tells.
    await readKnownCommit(bucket, prefix, state.seq + 1, 'it is missing, and later ones are there', options);
  }
}

/**
 * All commits after a point, up to the head. As many are asked for ahead as were found so far, up
 * to a bound: who follows a stream asks for one number in vain, and not for several.
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
      // One failing must not leave the others' failures unhandled; each is met again, in order,
      // below.
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

/** Whether there is a commit of a higher number than `seq`, next to it or not. */
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
