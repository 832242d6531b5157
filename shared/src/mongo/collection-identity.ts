/**
 * Reading a collection by its uuid, under whatever name it has now. From 6.0 commands take `collectionUUID`, and the error says
 * where the collection is; before that, names and uuids are compared through listCollections.
 */
import { uuid as uuidElement } from '../bson/build.ts';
import { failureOf, serverCode } from './classify.ts';
import { listCollections } from './collections.ts';
import type { MongoConnection } from './connection.ts';
import { RawField } from './raw-value.ts';
import { isAtLeast, type ServerInfo } from './server-info.ts';

const COLLECTION_UUID_MISMATCH = 361;

/** Whether commands can name the collection by uuid. */
export function readsByUuid(server: ServerInfo): boolean {
  return isAtLeast(server, 6);
}

/** The `collectionUUID` field of a command, or nothing where the server does not know it or there is no uuid. */
export function collectionUuidField(
  server: ServerInfo,
  uuid: Uint8Array | null,
): { collectionUUID?: RawField } {
  if (!uuid || !readsByUuid(server)) return {};
  return { collectionUUID: new RawField(uuidElement(uuid)) };
}

/**
 * What an error says about where the collection is: its name now, null for dropped (or moved to another database, which makes a
 * new collection), undefined when the error is about something else.
 */
export function movedTo(error: unknown): string | null | undefined {
  if (serverCode(error) !== COLLECTION_UUID_MISMATCH) return undefined;
  return failureOf(error)?.actualCollection ?? null;
}

/** The name of the collection with that uuid; null where the database has none. For servers before 6.0. */
export async function nameOfUuid(
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
