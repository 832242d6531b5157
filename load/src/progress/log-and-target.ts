/** Looks at a load's log and its target together. target-bond.ts judges whether they fit. */

import { DEFAULT_RETRY, retry } from '@waybill/shared/base/retry';
import type { Bucket } from '@waybill/shared/bucket/bucket';
import type { StreamIdentity } from '@waybill/shared/manifest/commit';
import { foldCommit } from '@waybill/shared/manifest/fold';
import { loadPrefix } from '@waybill/shared/manifest/keys';
import { readCommits, readManifest } from '@waybill/shared/manifest/log';
import { loadMissing } from '@waybill/shared/manifest/names';
import type { StreamState } from '@waybill/shared/manifest/state';
import type { Target } from '../target/target.ts';
import { streamIdentityText } from './stream-identity.ts';
import { assertBound, lookAtTarget, settleProgressDatabase, type TargetSight } from './target-bond.ts';
import { assertNotTheSource } from './two-clusters.ts';

export interface WhichLoad {
  readonly bucket: Bucket;
  readonly identity: StreamIdentity;
  readonly load: string;
  readonly target: Target;
  /** As given; null where it was not. */
  readonly progressDatabase: string | null;
  readonly signal: AbortSignal;
}

export interface LogAndTarget {
  readonly log: StreamState;
  readonly sight: TargetSight;
}

/**
 * Reads the log on after it has looked at the target: an epoch is in the log before it is on the
 * target.
 * @throws TARGET_IS_SOURCE, LOAD_OPTIONS_CHANGED, and errors of bucket and target
 */
export async function lookAtBoth(which: WhichLoad): Promise<LogAndTarget> {
  const { bucket, identity, load, target, signal } = which;
  const prefix = loadPrefix(identity.stream, load);
  let log = await readManifest(bucket, prefix, { signal });
  const progressDatabase = settleProgressDatabase(which.progressDatabase, log, load, target.onlyDatabase);
  const look = (): Promise<TargetSight> => lookAtTarget(target, { load, progressDatabase }, signal);
  const sight = await retry(look, DEFAULT_RETRY, { signal });
  assertNotTheSource(identity, sight);
  for await (const next of readCommits(bucket, prefix, { signal, after: log })) log = foldCommit(log, next);
  return { log, sight };
}

/**
 * For a command that reads what a load has done. There is such a load, and this is its target.
 * @throws LOAD_MISSING, LOAD_OTHER_TARGET, LOAD_PROGRESS_LOST, LOAD_FOREIGN, STREAM_ROLLED_BACK;
 *   {@link lookAtBoth}
 */
export async function boundLoad(which: WhichLoad): Promise<LogAndTarget> {
  const both = await lookAtBoth(which);
  const { bucket, identity, load, signal } = which;
  if (both.log.seq === 0) throw await loadMissing(bucket, { stream: identity.stream, load }, signal);
  assertBound(both.log, both.sight, { load, stream: streamIdentityText(identity) });
  return both;
}
