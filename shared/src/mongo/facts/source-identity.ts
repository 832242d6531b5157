/** Tells which cluster a source is, so that no stream is ever continued from another one. */
import { WaybillError } from '../../base/errors.ts';
import type { MongoConnection } from '../driver/connection.ts';
import { readClusterIdentity } from './cluster-identity.ts';

export interface SourceIdentity {
  /** Hex. */
  readonly id: string;
  /** What it is made from: see cluster-identity.ts. */
  readonly basis: 'replicaSetId' | 'clusterId' | 'collectionUuid' | 'name';
  readonly topology: 'replicaSet' | 'sharded';
  /**
   * Every id that the user may read, the best first. A user with fewer privileges may have known
   * the cluster by a later one.
   */
  readonly ids: readonly string[];
  /**
   * The reads about the cluster's identity that the user has no privilege for. The cluster may be
   * known by an id that only they give.
   */
  readonly unread: readonly string[];
}

/**
 * True if `known` is an id of this very cluster, on whatever basis it was made. Also false if the
 * user may not read that id now.
 */
export function isKnownAs({ ids }: SourceIdentity, known: string): boolean {
  return ids.includes(known);
}

/** Throws SOURCE_NOT_REPLICA_SET for a standalone server. */
export async function sourceIdentity(
  connection: MongoConnection,
  signal?: AbortSignal,
): Promise<SourceIdentity> {
  const { topology } = connection.server;
  if (topology === 'standalone') {
    throw new WaybillError(
      'SOURCE_NOT_REPLICA_SET',
      `the ${connection.role} ${connection.url} is a standalone server`,
      {
        hint: 'Start mongod with --replSet <name> (or set replication.replSetName) and run rs.initiate() once; data and clients stay as they are.',
      },
    );
  }
  const { identity, unread } = await readClusterIdentity(connection, signal);
  const own = topology === 'replicaSet' ? 'replicaSetId' : 'clusterId';
  const had = ([own, 'collectionUuid'] as const).flatMap((basis) => {
    const id = identity[basis];
    return id === null ? [] : [{ basis, id }];
  });
  const all = [...had, { basis: 'name' as const, id: identity.name }];
  const { basis, id } = all[0] as (typeof all)[number];
  const ids = all.map((each) => each.id);
  return { id, basis, topology: own === 'replicaSetId' ? 'replicaSet' : 'sharded', ids, unread };
}
