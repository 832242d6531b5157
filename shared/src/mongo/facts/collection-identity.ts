/**
 * Reads a collection by its uuid, under whatever name it has now. From 6.0 on, commands take
 * `collectionUUID`, and the error says where the collection is. On earlier servers, listCollections
 * is used to compare names and uuids.
 */
import { uuid as uuidElement } from '../../bson/build.ts';
import { failureOf, hasServerCode } from '../driver/classify.ts';
import type { MongoConnection } from '../driver/connection.ts';
import { RawField } from '../driver/raw-value.ts';
import { isAtLeast, type ServerInfo } from '../driver/server-info.ts';
import { listCollections } from './collections.ts';

/** True if commands can name the collection by its uuid. */
function readsByUuid(server: ServerInfo): boolean {
  return isAtLeast(server, 6);
}

/**
 * The `collectionUUID` field of a command; nothing if there is no uuid or the server does not know
 * the field.
 */
export function collectionUuidField(
  server: ServerInfo,
  uuid: Uint8Array | null,
): { collectionUUID?: RawField } {
  if (!uuid || !readsByUuid(server)) return {};
  return { collectionUUID: new RawField(uuidElement(uuid)) };
}

export interface CollectionIdentity {
  readonly database: string;
  /** Its last known name. */
  readonly collection: string;
  /** Null: any collection of that name. */
  readonly uuid: Uint8Array | null;
}

interface Closable {
  close(): Promise<void>;
}

/**
 * Opens something (a cursor) on the collection of that uuid, under the name it has now. `open` gets
 * the name and sends {@link collectionUuidField} with its command. Gives null if the database no
 * longer has that collection.
 */
export async function openByIdentity<Opened extends Closable>(
  connection: MongoConnection,
  identity: CollectionIdentity,
  open: (collection: string) => Promise<Opened>,
  signal?: AbortSignal,
): Promise<{ readonly opened: Opened; readonly collection: string } | null> {
  const { uuid } = identity;
  if (!uuid) return { opened: await open(identity.collection), collection: identity.collection };
  if (!readsByUuid(connection.server)) return openCompared(connection, { ...identity, uuid }, open, signal);
  for (let collection = identity.collection; ; ) {
    try {
      return { opened: await open(collection), collection };
    } catch (error) {
      const name = movedTo(error);
      if (name === undefined) throw error;
      if (name === null) return null;
      collection = name;
    }
  }
}

/**
 * For servers before 6.0. An open cursor stays with its collection, so the name must mean our uuid
 * both before and after the opening. One case goes unseen: the collection is renamed away and back
 * in between, and another collection has the name meanwhile.
 */
async function openCompared<Opened extends Closable>(
  connection: MongoConnection,
  identity: CollectionIdentity & { readonly uuid: Uint8Array },
  open: (collection: string) => Promise<Opened>,
  signal: AbortSignal | undefined,
): Promise<{ readonly opened: Opened; readonly collection: string } | null> {
  const { database, uuid } = identity;
  for (let collection = identity.collection; ; ) {
    const before = await nameOfUuid(connection, database, uuid, collection, signal);
    if (before === null) return null;
    collection = before;
    const opened = await open(collection);
    try {
      if ((await nameOfUuid(connection, database, uuid, collection, signal)) === collection) {
        return { opened, collection };
      }
    } catch (error) {
      await opened.close();
      throw error;
    }
    await opened.close();
  }
}

/**
 * The name that the collection has now, by this error; null if it was dropped, or moved to another
 * database (which makes a new collection); undefined if the error is about something else.
 */
function movedTo(error: unknown): string | null | undefined {
  if (!hasServerCode(error, 'CollectionUUIDMismatch')) return undefined;
  return failureOf(error)?.actualCollection ?? null;
}

/**
 * The name of the collection with that uuid; null if the database has none. For servers before 6.0.
 */
async function nameOfUuid(
  connection: MongoConnection,
  database: string,
  uuid: Uint8Array,
  expected: string,
  signal?: AbortSignal,
): Promise<string | null> {
  const [same] = await listCollections(connection, database, { name: expected, signal });
  if (same?.uuid?.equals(uuid)) return expected;
  const all = await listCollections(connection, database, { signal });
  return all.find((each) => each.uuid?.equals(uuid))?.name ?? null;
}
