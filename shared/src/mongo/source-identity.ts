/** Which cluster a source is, so that a stream is never continued from another one. */
import { asBuffer, findElement } from '../bson/raw.ts';
import { hasCode, WaybillError } from '../errors.ts';
import type { MongoConnection } from './connection.ts';
import { readAll } from './cursor.ts';

export interface SourceIdentity {
  /** Hex. */
  readonly id: string;
  /**
   * What it is made from. `collectionUuid` (of admin.system.version, made when the cluster was) stands in where the user may not
   * read the others; `name` (the replica set's) is the last resort and says little.
   */
  readonly basis: 'replicaSetId' | 'clusterId' | 'collectionUuid' | 'name';
  readonly topology: 'replicaSet' | 'sharded';
  /** Every id that the user may read, the best first. One that was given fewer privileges may have known the cluster by a later one. */
  readonly ids: readonly string[];
  /** What the user may not ask for, of what tells clusters apart; by it the cluster may be known. */
  readonly unread: readonly string[];
}

/** `known` is an id of this very cluster, on whatever basis it was made; false also where that may not be read now. */
export function isKnownAs({ ids }: SourceIdentity, known: string): boolean {
  return ids.includes(known);
}

const NOT_PERMITTED = Symbol('not permitted');
/** Null: the cluster has none. */
type Told = string | null | typeof NOT_PERMITTED;

/** Throws SOURCE_NOT_REPLICA_SET for a standalone server. */
export async function sourceIdentity(
  connection: MongoConnection,
  signal?: AbortSignal,
): Promise<SourceIdentity> {
  const { topology, setName } = connection.server;
  if (topology === 'standalone') {
    throw new WaybillError(
      'SOURCE_NOT_REPLICA_SET',
      `the ${connection.role} ${connection.url} is a standalone server`,
      {
        hint: 'Start mongod with --replSet <name> (or set replication.replSetName) and run rs.initiate() once; data and clients stay as they are.',
      },
    );
  }
  const replicaSet = topology === 'replicaSet';
  const [own, uuid] = await Promise.all([
    replicaSet ? replicaSetId(connection, signal) : clusterId(connection, signal),
    versionCollectionUuid(connection, signal),
  ]);
  const name = Buffer.from(setName ?? connection.url).toString('hex');
  const bases: readonly [SourceIdentity['basis'], Told][] = [
    [replicaSet ? 'replicaSetId' : 'clusterId', own],
    ['collectionUuid', uuid],
  ];
  const had = bases.filter(
    (basis): basis is [SourceIdentity['basis'], string] => typeof basis[1] === 'string',
  );
  const [basis, id] = had[0] ?? (['name', name] as const);
  const ids = [...had.map(([, each]) => each), name];
  const unread = [
    ...(own === NOT_PERMITTED ? [replicaSet ? 'replSetGetConfig' : 'find on config.version'] : []),
    ...(uuid === NOT_PERMITTED ? ['listCollections on admin'] : []),
  ];
  return { id, basis, topology: replicaSet ? 'replicaSet' : 'sharded', ids, unread };
}

async function permitted<T>(attempt: Promise<T>): Promise<T | typeof NOT_PERMITTED> {
  try {
    return await attempt;
  } catch (error) {
    if (hasCode(error, 'MONGO_UNAUTHORIZED', 'MONGO_COMMAND_FAILED')) return NOT_PERMITTED;
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

async function clusterId(connection: MongoConnection, signal: AbortSignal | undefined): Promise<Told> {
  const document = await permitted(
    firstDocument(connection, 'config', { find: 'version', limit: 1 }, signal),
  );
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
  // Binary: length and subtype stand before the sixteen bytes.
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
