/**
 * Source and target must be two clusters. At best, a load into its own source would stop at the
 * source's collections; where it may drop, it would repeat a drop on the source. There is no
 * mapping of names, so the source cannot be its own target under other names either.
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
import type { Target } from '../target/target.ts';

/** @throws TARGET_IS_SOURCE */
export async function assertTwoClusters(
  source: MongoConnection,
  target: Pick<Target, 'identity' | 'url'>,
  signal: AbortSignal,
): Promise<void> {
  const [one, other] = await Promise.all([clusterIdentity(source, signal), target.identity(signal)]);
  if (isSameCluster(one, other) !== true) return;
  throw targetIsSource(`the source ${source.url} and the target ${target.url} are the same cluster`);
}

/** For a load, which knows the source only from the stream. @throws TARGET_IS_SOURCE */
export function assertNotTheSource(
  { stream, source }: StreamIdentity,
  { cluster, hosts }: { readonly cluster: ClusterIdentity; readonly hosts: string },
): void {
  if (!hasId(cluster, source)) return;
  throw targetIsSource(`the target ${hosts} is the cluster that stream ${stream} was captured from`);
}

function targetIsSource(message: string): WaybillError {
  return new WaybillError('TARGET_IS_SOURCE', message, {
    hint: 'Check --source and --target: they may be swapped, or two names of one cluster. Nothing was written to it. A load needs a target of its own, also under other names (--map).',
  });
}
