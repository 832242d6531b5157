/**
 * One attempt to put a commit at its number (BF-2). Nothing else in the program writes under
 * `manifest/`.
 */

import { hasCode } from '../base/errors.ts';
import type { Bucket } from '../bucket/bucket.ts';
import { type ChainedCommit, canonicalCommit, corrupt } from './codec.ts';
import type { CommitBody } from './commit.ts';
import { DEAD_LETTERS_FEATURE } from './dead-letters.ts';
import { commitKey } from './keys.ts';
import { KnownHead } from './known-head.ts';
import { readKnownCommit } from './log.ts';
import { type LogOptions, retried } from './options.ts';
import { FORMAT_VERSION } from './schema.ts';
import { sealJson, sha256 } from './sealed-json.ts';
import type { StreamState } from './state.ts';

export interface Author {
  readonly epoch: number;
  readonly writer: string;
  /** Random, the same through all attempts to put this commit at this number. */
  readonly attempt: string;
}

export interface EncodedCommit extends ChainedCommit {
  readonly encoded: Buffer;
}

/**
 * How a process signs its commits. In an unfenced bucket each signature says so, to help whoever
 * finds a broken chain later. The mark is in this field because the field is for people and every
 * reader takes any text in it.
 */
export function signature(writer: string, bucket: Bucket): string {
  return bucket.unfenced ? `${writer}${UNFENCED}` : writer;
}

const UNFENCED = ' (unfenced)';

/** True if the writer with this signature was not held off by any fence. */
export function isUnfenced(writer: string): boolean {
  return writer.endsWith(UNFENCED);
}

/** The commit that would follow the state, with its bytes. */
export function nextCommit(state: StreamState, author: Author, body: CommitBody): EncodedCommit {
  const commit = canonicalCommit({
    formatVersion: FORMAT_VERSION,
    features: featuresOf(body),
    seq: state.seq + 1,
    ...author,
    previous: state.hash,
    at: new Date().toISOString(),
    ...body,
  });
  const encoded = sealJson(commit);
  return { commit, encoded, hash: sha256(encoded), bytes: encoded.length };
}

function featuresOf({ deadLetters, milestones = [] }: CommitBody): string[] {
  const asks = milestones.some(({ name }) => name.startsWith('dead-letters-'));
  return deadLetters || asks ? [DEAD_LETTERS_FEATURE] : [];
}

export interface PutCommitOptions extends LogOptions {
  /** Pass the same one for all commits of a writer: it remembers when it last looked. */
  readonly head?: KnownHead | undefined;
}

/**
 * Puts the commit and retries transient failures. A put that failed may have succeeded in the
 * bucket (a time-out after success): the next attempt then finds the number taken by these same
 * bytes. If the commit before it is gone, nothing is put. After a crash here the commit is there or
 * not; the next owner sees which.
 * @returns null if the commit stands in the log, otherwise the one that took its number
 */
export async function putCommit(
  bucket: Bucket,
  prefix: string,
  next: EncodedCommit,
  options: PutCommitOptions,
): Promise<ChainedCommit | null> {
  const { seq, attempt, writer, previous } = next.commit;
  const { head = new KnownHead(bucket, prefix) } = options;
  const key = commitKey(prefix, seq);
  try {
    await retried(async (call) => {
      // Checked before each attempt: between two attempts the bucket may have gone away and another
      // one may have come in its place.
      await head.assertStands({ seq: seq - 1, hash: previous }, call);
      await bucket.put(key, next.encoded, { ...call, ifAbsent: true });
    }, options);
    return null;
  } catch (error) {
    if (!hasCode(error, 'BUCKET_OBJECT_EXISTS')) throw error;
  }
  const winner = await readKnownCommit(bucket, prefix, seq, 'it was there and is gone', options);
  const isOwn = winner.commit.attempt === attempt && winner.commit.writer === writer;
  if (!isOwn) return winner;
  if (winner.hash !== next.hash) throw corrupt(`commit ${seq}`, 'it is not what its writer wrote', key);
  return null;
}
