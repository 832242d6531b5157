/**
 * Source and target are two clusters. A load into its own source would stop at the source's
 * collections at best; and where it is allowed to drop, it would repeat a drop on the source. Not
 * even under other names: there is no mapping of names.
 */
import { WaybillError } from '@waybill/shared/base/errors';
import type { StreamIdentity } from '@waybill/shared/manifest/commit';
import type { MongoConnection } from '@waybill/shared/mongo/driver/connection';
import {
  type ClusterIdentity,
  clusterIdentity,
  hasId,
  isSameCluster,
} from '@waybill/shared/mongo/facts/cluster-identity';

/** @throws TARGET_IS_SOURCE */
export async function assertTwoClusters(
  source: MongoConnection,
  target: MongoConnection,
  signal: AbortSignal,
): Promise<void> {
  const [one, other] = await Promise.all([clusterIdentity(source, signal), clusterIdentity(target, signal)]);
  if (isSameCluster(one, other) !== true) return;
  throw targetIsSource(`the source ${source.url} and the target ${target.url} are the same cluster`);
}

/** Where only the stream is there to tell of the source. @throws TARGET_IS_SOURCE */
export function assertNotTheSource(
  { stream, source }: StreamIdentity,
  { cluster, hosts }: { readonly cluster: ClusterIdentity; readonly hosts: string },
): void {
  if (!hasId(cluster, source)) return;
  throw targetIsSource(`the target ${hosts} is the cluster that stream ${stream} was captured from`);
}

function targetIsSource(message: string): WaybillError {
  return new WaybillError('TARGET_IS_SOURCE', message, {
    hint: 'Check --source and --target: they may be swapped, or two names of one cluster. Nothing was written to it. A load needs a target of its own, since there is no mapping of names yet.',
  });
}
