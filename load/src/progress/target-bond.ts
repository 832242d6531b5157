/**
 * The bond between a load's log in the bucket and its target. Without it a log would take any
 * cluster for its own, and its milestones would speak of a target into which nothing was loaded.
 *
 *   log      milestone `target-bound`: a random key, the cluster's identity, where the progress is
 *   target   the owner document of the load carries the same key
 *
 * The key tells targets apart, since it travels with the data that the progress describes: hosts
 * change, and a restored target is another cluster. The cluster's identity tells an original from
 * its copy.
 *
 *   look at target ── take the log's epoch, and bind it in the same commit if it is not bound
 *     ── owner document with the key
 *
 * One writer makes a commit. So when two targets are loaded under one name for the first time, one
 * is bound; the other start reads that and ends. A crash after the commit leaves a bound log and a
 * target without the key. The next start goes on, in that very cluster, if the log shows that
 * nothing was begun or the owner document never had a key. The owner document never has the key
 * first.
 *
 * A log from before there were bonds has none. The next start of the load binds it to the target
 * that holds its progress.
 */
import { randomUUID } from 'node:crypto';
import { WaybillError } from '@waybill/shared/base/errors';
import type { Milestone } from '@waybill/shared/manifest/commit';
import { milestoneOf, type StreamState } from '@waybill/shared/manifest/state';
import { type ClusterIdentity, isSameCluster } from '@waybill/shared/mongo/facts/cluster-identity';
import { PROGRESS_DATABASE } from '@waybill/shared/mongo/facts/namespace-filter';
import type { ProgressDocument } from '../target/progress-store.ts';
import type { Target } from '../target/target.ts';
import { ownerId } from './keys.ts';

export interface Bond {
  readonly key: string;
  readonly cluster: ClusterIdentity;
  /** As it was called when it was bound: for messages. */
  readonly hosts: string;
  readonly progressDatabase: string;
}

export interface LoadName {
  readonly load: string;
  /** {@link streamIdentityText} */
  readonly stream: string;
}

/**
 * A target as it is now. Looked at before the log: by then, what the owner document says is in the
 * log.
 */
export interface TargetSight {
  readonly cluster: ClusterIdentity;
  readonly hosts: string;
  readonly progressDatabase: string;
  /** The collection in it that holds the progress. */
  readonly progressNamespace: string;
  /** The owner document of this load's name; null where there is none. */
  readonly owner: ProgressDocument | null;
}

/**
 * Where a load's progress is: as given, as its log says, or by default. `only` is the one database
 * of a target that has no others. @throws LOAD_OPTIONS_CHANGED, CONFIG_INVALID
 */
export function settleProgressDatabase(
  given: string | null,
  log: StreamState,
  load: string,
  only: string | null,
): string {
  if (given !== null && only !== null && given !== only) {
    throw new WaybillError(
      'CONFIG_INVALID',
      `the target has one database, ${only}, and the progress is to be kept in ${given}`,
      { hint: 'Leave --progress-database out.', context: { load } },
    );
  }
  const recorded = recordedBond(log)?.progressDatabase;
  if (given === null || recorded === undefined || given === recorded) {
    return given ?? recorded ?? only ?? PROGRESS_DATABASE;
  }
  throw new WaybillError(
    'LOAD_OPTIONS_CHANGED',
    `load ${load} keeps its progress in the database ${recorded} on its target, and is now given ${given}`,
    { hint: 'Leave --progress-database out: the load knows it.', context: { load } },
  );
}

export async function lookAtTarget(
  target: Pick<Target, 'identity' | 'progress' | 'url'>,
  { load, progressDatabase }: { readonly load: string; readonly progressDatabase: string },
  signal: AbortSignal,
): Promise<TargetSight> {
  const store = target.progress(progressDatabase);
  const [cluster, owners] = await Promise.all([target.identity(signal), store.find(ownerId(load))]);
  const owner = owners.find(({ _id }) => _id === ownerId(load)) ?? null;
  return { cluster, hosts: target.url, progressDatabase, progressNamespace: store.namespace, owner };
}

/**
 * The bond that a start of the load goes on with. A new bond (`isNew`) is recorded with the commit
 * that takes the log's epoch.
 * @throws LOAD_OTHER_TARGET, LOAD_PROGRESS_LOST, LOAD_FOREIGN, STREAM_ROLLED_BACK
 */
export function settleBond(
  log: StreamState,
  sight: TargetSight,
  name: LoadName,
): { readonly bond: Bond; readonly isNew: boolean } {
  assertOwner(log, sight, name);
  const { cluster, hosts, progressDatabase } = sight;
  const recorded = recordedBond(log);
  const known = recorded?.key ?? keyOf(sight.owner) ?? randomUUID();
  const bond: Bond = { key: known, cluster, hosts, progressDatabase };
  if (!recorded) {
    if (!sight.owner && hasBegun(log)) throw notItsTarget(log, sight, name);
    return { bond, isNew: true };
  }
  if (!isBoundTo(recorded, log, sight)) throw notItsTarget(log, sight, name);
  // Restored into another cluster with its progress: the load goes on there, and binds to it.
  return { bond, isNew: isSameCluster(recorded.cluster, cluster) === false };
}

/**
 * For commands that read what the log says of the target.
 * @throws LOAD_OTHER_TARGET, LOAD_PROGRESS_LOST, LOAD_FOREIGN, STREAM_ROLLED_BACK
 */
export function assertBound(log: StreamState, sight: TargetSight, name: LoadName): void {
  assertOwner(log, sight, name);
  const recorded = recordedBond(log);
  const isBound = recorded
    ? isBoundTo(recorded, log, sight) && isSameCluster(recorded.cluster, sight.cluster) !== false
    : sight.owner !== null;
  if (!isBound) throw notItsTarget(log, sight, name);
}

export function recordedBond(log: StreamState): Bond | null {
  const evidence = milestoneOf(log, 'target-bound')?.evidence;
  if (!evidence) return null;
  const text = (name: string): string => String(evidence[name] ?? '');
  const id = (name: string): string | null => text(name) || null;
  return {
    key: text('key'),
    cluster: {
      replicaSetId: id('replicaSetId'),
      clusterId: id('clusterId'),
      collectionUuid: id('collectionUuid'),
      name: text('name'),
    },
    hosts: text('hosts'),
    progressDatabase: text('progressDatabase'),
  };
}

export function bondMilestone({ key, cluster, hosts, progressDatabase }: Bond): Milestone {
  const evidence = { key, ...cluster, hosts, progressDatabase };
  return { name: 'target-bound', at: new Date().toISOString(), clusterTime: null, sequence: null, evidence };
}

export function foreignLoad(load: string, found: ProgressDocument, hosts: string): WaybillError {
  return new WaybillError(
    'LOAD_FOREIGN',
    `the target ${hosts} holds the progress of another stream (${String(found.stream)}) under load ${load}`,
    { hint: 'Choose another --load, or another target.', context: { load } },
  );
}

/** Also for a load that runs, and that nobody took over. */
export function progressLost(load: string, namespace: string): WaybillError {
  return new WaybillError(
    'LOAD_PROGRESS_LOST',
    `the progress of load ${load} is gone from ${namespace} on the target: somebody has dropped or emptied it`,
    {
      hint: 'Nobody can tell any more how much of the stream is on the target. Restore the progress together with the data that it belongs to. Or load the stream under another name (--load) into a target that has none of its collections.',
      context: { load, namespace },
    },
  );
}

function isBoundTo(recorded: Bond, log: StreamState, { owner, cluster, hosts }: TargetSight): boolean {
  const key = keyOf(owner);
  if (key !== null) return key === recorded.key;
  const wasCutShort = owner !== null || !hasBegun(log);
  // A user who may read no identity is judged by hosts: there is nothing better, and nothing was
  // written yet.
  const isSame = isSameCluster(recorded.cluster, cluster) ?? recorded.hosts === hosts;
  return wasCutShort && isSame;
}

function assertOwner(log: StreamState, { owner, hosts }: TargetSight, { load, stream }: LoadName): void {
  if (!owner) return;
  if (owner.stream !== stream) throw foreignLoad(load, owner, hosts);
  // An epoch is in the log before it is on the target.
  if (Number(owner.epoch) <= log.epoch) return;
  throw new WaybillError(
    'STREAM_ROLLED_BACK',
    `the target ${hosts} knows epoch ${owner.epoch} of load ${load}, and its log in the bucket ends with epoch ${log.epoch}: the bucket is older than the target`,
    {
      hint: 'Check --bucket. If the bucket was restored from a backup, bring back what it had since; or load the stream into another target under another name (--load).',
      context: { load, epoch: log.epoch },
    },
  );
}

/**
 * The milestone is recorded before the first write to a collection, and after the owner document.
 */
function hasBegun(log: StreamState): boolean {
  return milestoneOf(log, 'load-started') !== undefined;
}

function keyOf(owner: ProgressDocument | null): string | null {
  return typeof owner?.bond === 'string' ? owner.bond : null;
}

function notItsTarget(log: StreamState, sight: TargetSight, { load }: LoadName): WaybillError {
  const recorded = recordedBond(log);
  const where = recorded ? ` (${recorded.hosts})` : '';
  const context = { load, target: sight.hosts };
  if (recorded && !sight.owner && isSameCluster(recorded.cluster, sight.cluster) === true) {
    return progressLost(load, sight.progressNamespace);
  }
  return new WaybillError(
    'LOAD_OTHER_TARGET',
    `load ${load} was started into another target${where} than ${sight.hosts}, which holds no progress of it`,
    {
      hint: 'Give the --target that the load was started with. To load this target too, give that load a name of its own (--load).',
      context,
    },
  );
}
