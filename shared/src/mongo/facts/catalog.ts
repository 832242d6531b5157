/**
 * The inventory of a deployment: what there is to copy, and the facts that decide how to copy it.
 * Everything that a target needs to make the same collections and indexes is raw BSON, as the
 * server gave it.
 */
import PQueue from 'p-queue';
import { hasCode } from '../../base/errors.ts';
import { asBuffer, findElement } from '../../bson/raw.ts';
import type { MongoConnection } from '../driver/connection.ts';
import { isGone } from '../driver/cursor-failure.ts';
import { readAll } from '../driver/read-all.ts';
import { replyNumber } from '../driver/reply.ts';
import { isAtLeast, type ServerInfo } from '../driver/server-info.ts';
import { type CollectionInfo, listCollections } from './collections.ts';
import type { NamespaceFilter } from './namespace-filter.ts';

export interface CatalogEntry extends CollectionInfo {
  /** `database.collection`. */
  readonly namespace: string;
  readonly database: string;
  /** Raw `listIndexes` entries, the `_id` index included; none for views. */
  readonly indexes: readonly Buffer[];
  readonly capped: boolean;
  readonly clustered: boolean;
  /** False if TTL indexes delete nothing here: see {@link cappedExpires}. */
  readonly expires: boolean;
  /**
   * The default collation is not simple: strings, `_id` included, do not sort or compare by their
   * bytes.
   */
  readonly collated: boolean;
  /** The collection uses queryable encryption. */
  readonly encrypted: boolean;
  /** Estimates from the server's statistics; 0 if the user may not see them. */
  readonly documents: number;
  readonly bytes: number;
}

/** How many collections are described at once, and how many databases are listed at once. */
const CONCURRENCY = 8;
const DATABASES_AT_ONCE = 4;

/**
 * The entries are sorted by namespace. An entry describes the collection of one uuid, under the
 * name that it has in the end. A collection that is dropped meanwhile is left out. A renamed one is
 * kept, even if its old name is free or stands for another collection.
 */
export async function listCatalog(
  connection: MongoConnection,
  filter: NamespaceFilter,
  signal?: AbortSignal,
): Promise<CatalogEntry[]> {
  const databases = filter.exactDatabases() ?? (await listDatabases(connection, signal));
  const describing = new PQueue({ concurrency: CONCURRENCY });
  const listing = new PQueue({ concurrency: DATABASES_AT_ONCE });
  try {
    const found = await listing.addAll(
      databases
        .filter((name) => filter.mayMatchDatabase(name))
        .map((database) => () => listDatabase({ connection, describing, signal }, database, filter)),
    );
    return found.flat().sort((a, b) => (a.namespace < b.namespace ? -1 : 1));
  } finally {
    // After a failure, nobody needs the rest.
    listing.clear();
    describing.clear();
  }
}

interface Listing {
  readonly connection: MongoConnection;
  /** Shared by all databases. */
  readonly describing: PQueue;
  readonly signal: AbortSignal | undefined;
}

/** Lists and describes in turn, until a new list shows nothing that is not described yet. */
async function listDatabase(
  { connection, describing, signal }: Listing,
  database: string,
  filter: NamespaceFilter,
): Promise<CatalogEntry[]> {
  const list = async (): Promise<CollectionInfo[]> => {
    const collections = await listCollections(connection, database, { signal });
    return collections.filter(({ name }) => filter.matches(`${database}.${name}`));
  };
  let described = new Map<string, CatalogEntry>();
  let now = await list();
  // Collections made later are left out: a source may go on making short-lived ones for ever.
  const known = new Set<string | null>(now.flatMap(({ name, uuid }) => [name, hexOf(uuid)]));
  for (;;) {
    const left = now.filter((info) => !described.has(identityOf(info)));
    if (left.length === 0) return [...described.values()];
    const entries = await describing.addAll(
      left.map((info) => () => describe(connection, database, info, signal)),
    );
    for (const entry of entries) described.set(identityOf(entry), entry);
    now = (await list()).filter(({ name, uuid }) => known.has(name) || (uuid && known.has(hexOf(uuid))));
    const standing = new Set(now.map(identityOf));
    described = new Map([...described].filter(([identity]) => standing.has(identity)));
  }
}

/** It changes when a name comes to mean another collection, or a collection gets another name. */
function identityOf({ type, name, uuid }: CollectionInfo): string {
  return JSON.stringify([type, name, hexOf(uuid)]);
}

function hexOf(uuid: Buffer | null): string | null {
  return uuid?.toString('hex') ?? null;
}

/** Names of all databases that the user may see. */
export async function listDatabases(connection: MongoConnection, signal?: AbortSignal): Promise<string[]> {
  const reply = await connection.command('admin', { listDatabases: 1, nameOnly: true }, { signal });
  const { databases } = reply;
  const names = Array.isArray(databases)
    ? databases.filter(Buffer.isBuffer).map((each) => textIn(each, 'name'))
    : [];
  return names.filter((name) => name !== '').sort();
}

/**
 * Raw `listIndexes` entries; none if the collection does not exist. An index that is still being
 * built does not count: the build may fail or be aborted, and no event tells of that. Once it is
 * built, an event or the next listing shows it. Servers before 4.2 do not tell the two apart.
 */
export async function listIndexes(
  connection: MongoConnection,
  database: string,
  collection: string,
  signal?: AbortSignal,
): Promise<Buffer[]> {
  try {
    const tellsOfBuilds = isAtLeast(connection.server, 4, 2);
    const command = { listIndexes: collection, ...(tellsOfBuilds && { includeBuildUUIDs: true }) };
    const listed = await readAll(connection, database, command, { signal });
    return listed.filter((entry) => findElement(entry, 'buildUUID') === undefined);
  } catch (error) {
    if (!isGone(error)) throw error;
    return [];
  }
}

async function describe(
  connection: MongoConnection,
  database: string,
  info: CollectionInfo,
  signal: AbortSignal | undefined,
): Promise<CatalogEntry> {
  const isView = info.type === 'view';
  const indexes = isView ? [] : await listIndexes(connection, database, info.name, signal);
  const clustered = findElement(info.options, 'clusteredIndex') !== undefined;
  const capped = isTrue(info.options, 'capped');
  return {
    ...info,
    namespace: `${database}.${info.name}`,
    database,
    indexes,
    capped,
    clustered,
    expires: !capped || cappedExpires(connection.server),
    collated: isCollated(info.options),
    encrypted: findElement(info.options, 'encryptedFields') !== undefined,
    ...(isView ? { documents: 0, bytes: 0 } : await collectionSize(connection, database, info.name, signal)),
  };
}

/**
 * From 7.1 on, documents expire in capped collections too. Earlier servers keep the TTL indexes of
 * capped collections and delete nothing by them.
 */
export function cappedExpires(server: Pick<ServerInfo, 'versionArray'>): boolean {
  return isAtLeast(server, 7, 1);
}

export interface CollectionSize {
  readonly documents: number;
  /** Uncompressed BSON. */
  readonly bytes: number;
}

/** From the server's statistics; zeros if the user may not see them or there are none. */
async function collectionSize(
  connection: MongoConnection,
  database: string,
  collection: string,
  signal?: AbortSignal,
): Promise<CollectionSize> {
  for (const command of [{ collStats: collection }, { count: collection }]) {
    try {
      const reply = await connection.command(database, command, { signal });
      return {
        documents: replyNumber(reply, 'count') ?? replyNumber(reply, 'n') ?? 0,
        bytes: replyNumber(reply, 'size') ?? 0,
      };
    } catch (error) {
      if (!hasCode(error, 'MONGO_UNAUTHORIZED', 'MONGO_COMMAND_FAILED')) throw error;
    }
  }
  return { documents: 0, bytes: 0 };
}

function isCollated(options: Buffer): boolean {
  const collation = findElement(options, 'collation');
  return collation !== undefined && textIn(collation.bytes, 'locale') !== 'simple';
}

function isTrue(document: Uint8Array, name: string): boolean {
  const element = findElement(document, name);
  return element?.type === 8 && element.bytes[0] === 1;
}

function textIn(document: Uint8Array, name: string): string {
  const element = findElement(document, name);
  return element?.type === 2 ? asBuffer(element.bytes).toString('utf8', 4, element.bytes.length - 1) : '';
}
