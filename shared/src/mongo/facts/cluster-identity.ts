/**
 * Tells which cluster a connection leads to, whatever its hosts are called. It tells source and
 * target apart, and one target from another. Host names are no identity: one cluster has several,
 * and they change.
 *
 *   replicaSetId    from the set's configuration. A backup that is restored into a newly initiated
 *                   set has another one.
 *   clusterId       of a sharded cluster. A shard that is asked directly gives its cluster's.
 *   collectionUuid  of admin.system.version, made with the cluster. A restored copy may have the
 *                   original's, so it is used only if the user may not read the others, or the
 *                   server has none of them.
 */

import { hasCode } from '../../base/errors.ts';
import { asBuffer, findElement } from '../../bson/raw.ts';
import { saysNotSupported } from '../driver/classify.ts';
import type { MongoConnection } from '../driver/connection.ts';
import { readAll } from '../driver/read-all.ts';

export interface ClusterIdentity {
  /** Hex, like the others; null if the cluster has none or the user may not read it. */
  readonly replicaSetId: string | null;
  readonly clusterId: string | null;
  readonly collectionUuid: string | null;
  /** The last resort: the replica set's name, or the hosts if there is none. It proves little. */
  readonly name: string;
}

export interface ClusterReading {
  readonly identity: ClusterIdentity;
  /** The reads that the user has no privilege for. */
  readonly unread: readonly string[];
}

/** Never fails for lack of privileges. @throws MONGO_TRANSIENT and the like, the signal's reason */
export async function readClusterIdentity(
  connection: MongoConnection,
  signal?: AbortSignal,
): Promise<ClusterReading> {
  const { topology, setName } = connection.server;
  const isSet = topology === 'replicaSet';
  const [replicaSet, cluster, uuid] = await Promise.all([
    isSet ? replicaSetId(connection, signal) : null,
    isSet ? clusterIdOfShard(connection, signal) : clusterId(connection, signal),
    versionCollectionUuid(connection, signal),
  ]);
  const identity: ClusterIdentity = {
    replicaSetId: known(replicaSet),
    clusterId: known(cluster),
    collectionUuid: known(uuid),
    name: Buffer.from(setName ?? connection.url).toString('hex'),
  };
  const unread = [
    ...(replicaSet === NOT_PERMITTED ? ['replSetGetConfig'] : []),
    ...(!isSet && cluster === NOT_PERMITTED ? ['find on config.version'] : []),
    ...(uuid === NOT_PERMITTED ? ['listCollections on admin'] : []),
  ];
  return { identity, unread };
}

export async function clusterIdentity(
  connection: MongoConnection,
  signal?: AbortSignal,
): Promise<ClusterIdentity> {
  return (await readClusterIdentity(connection, signal)).identity;
}

/**
 * Null if this cannot be told: the two have no id in common that decides. Equal names prove only
 * that the names are equal.
 */
export function isSameCluster(one: ClusterIdentity, other: ClusterIdentity): boolean | null {
  for (const basis of ['replicaSetId', 'clusterId', 'collectionUuid'] as const) {
    const [ours, theirs] = [one[basis], other[basis]];
    if (ours !== null && theirs !== null && isDecisive(basis, one, other)) return ours === theirs;
  }
  return null;
}

/** Two shards of one cluster share a clusterId, and are not the same. */
function isDecisive(basis: keyof ClusterIdentity, one: ClusterIdentity, other: ClusterIdentity): boolean {
  return basis !== 'clusterId' || one.replicaSetId === null || other.replicaSetId === null;
}

/**
 * True if this id, which an earlier look found for some cluster, is one of this cluster's. Names do
 * not count: many sets have the same name.
 */
export function hasId({ replicaSetId, clusterId, collectionUuid }: ClusterIdentity, id: string): boolean {
  return [replicaSetId, clusterId, collectionUuid].includes(id);
}

const NOT_PERMITTED = Symbol('not permitted');
/** Null: the cluster has none. */
type Told = string | null | typeof NOT_PERMITTED;

function known(told: Told): string | null {
  return told === NOT_PERMITTED ? null : told;
}

async function permitted<T>(attempt: Promise<T>): Promise<T | typeof NOT_PERMITTED> {
  try {
    return await attempt;
  } catch (error) {
    if (hasCode(error, 'MONGO_UNAUTHORIZED') || saysNotSupported(error)) return NOT_PERMITTED;
    throw error;
  }
}

async function replicaSetId(connection: MongoConnection, signal: AbortSignal | undefined): Promise<Told> {
  const reply = await permitted(connection.command('admin', { replSetGetConfig: 1 }, { signal }));
  if (reply === NOT_PERMITTED) return reply;
  if (!Buffer.isBuffer(reply.config)) return null;
  const settings = findElement(reply.config, 'settings');
  return settings ? hexOf(settings.bytes, 'replicaSetId') : null;
}

function clusterId(connection: MongoConnection, signal: AbortSignal | undefined): Promise<Told> {
  return idIn(connection, 'config', { find: 'version', limit: 1 }, signal);
}

function clusterIdOfShard(connection: MongoConnection, signal: AbortSignal | undefined): Promise<Told> {
  const find = { find: 'system.version', filter: { _id: 'shardIdentity' }, limit: 1 };
  return idIn(connection, 'admin', find, signal);
}

async function idIn(
  connection: MongoConnection,
  database: string,
  find: Record<string, unknown>,
  signal: AbortSignal | undefined,
): Promise<Told> {
  const document = await permitted(firstDocument(connection, database, find, signal));
  if (document === NOT_PERMITTED) return document;
  return document ? hexOf(document, 'clusterId') : null;
}

async function versionCollectionUuid(
  connection: MongoConnection,
  signal: AbortSignal | undefined,
): Promise<Told> {
  const command = { listCollections: 1, filter: { name: 'system.version' } };
  const document = await permitted(firstDocument(connection, 'admin', command, signal));
  if (document === NOT_PERMITTED) return document;
  if (!document) return null;
  const info = findElement(document, 'info');
  const uuid = info && findElement(info.bytes, 'uuid');
  // Binary: the length and the subtype come before the sixteen bytes.
  return uuid ? asBuffer(uuid.bytes).toString('hex', 5) : null;
}

async function firstDocument(
  connection: MongoConnection,
  database: string,
  command: Record<string, unknown>,
  signal: AbortSignal | undefined,
): Promise<Buffer | undefined> {
  return (await readAll(connection, database, command, { signal }))[0];
}

function hexOf(document: Uint8Array, name: string): string | null {
  const element = findElement(document, name);
  return element ? asBuffer(element.bytes).toString('hex') : null;
}
