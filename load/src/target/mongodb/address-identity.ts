import type { ClusterIdentity } from '@waybill/shared/mongo/facts/cluster-identity';
import type { TargetProfile } from '../profiles/profile.ts';
import { hostNames, isCalled } from '../rules/recognition.ts';

/**
 * Identity of a target that has no id of MongoDB's kind. Where one database stands alone behind a
 * host name that its service gave it, the two are its id. Elsewhere there is none: hosts change,
 * and several targets may have the same. A load then knows its target by the key in its progress.
 */
export function addressIdentity(
  { recognition, connection }: TargetProfile,
  url: string,
  database: string | null,
): ClusterIdentity {
  const hosts = hostNames(url);
  const isId = connection.namesDatabase && database !== null && isCalled(recognition, hosts);
  const hex = (text: string): string => Buffer.from(text).toString('hex');
  return {
    replicaSetId: null,
    clusterId: isId ? hex(`${hosts[0]}/${database}`) : null,
    collectionUuid: null,
    name: hex(database === null ? url : `${url}/${database}`),
  };
}
