/**
 * What the target's user may not do, told before anything is written: the cutover needs some of it
 * late.
 */

import { hasCode, WaybillError } from '@waybill/shared/base/errors';
import { elements, findElement } from '@waybill/shared/bson/raw';
import { readString } from '@waybill/shared/bson/values';
import { saysNotSupported } from '@waybill/shared/mongo/driver/classify';
import type { MongoConnection } from '@waybill/shared/mongo/driver/connection';

/** What every load needs. What only changes of structure need is not asked for. */
const NEEDED = [
  'find',
  'insert',
  'update',
  'remove',
  'bypassDocumentValidation',
  'createCollection',
  'createIndex',
  'collMod',
  'listCollections',
  'listIndexes',
] as const;

export interface Privilege {
  /** Null: on something else than collections. An empty name stands for any. */
  readonly resource: { readonly database: string; readonly collection: string } | 'any' | null;
  readonly actions: ReadonlySet<string>;
}

/** The actions that each database lacks; databases that lack none are left out. */
function missingActions(
  privileges: readonly Privilege[],
  databases: readonly string[],
): ReadonlyMap<string, readonly string[]> {
  const missing = new Map<string, readonly string[]>();
  for (const database of databases) {
    // A privilege on single collections may be just what those need.
    const covers = ({ resource }: Privilege): boolean =>
      resource === 'any' ||
      (resource !== null && (resource.database === '' || resource.database === database));
    const held = new Set(privileges.filter(covers).flatMap(({ actions }) => [...actions]));
    const lacking = held.has('anyAction') ? [] : NEEDED.filter((action) => !held.has(action));
    if (lacking.length > 0) missing.set(database, lacking);
  }
  return missing;
}

/** @throws MONGO_UNAUTHORIZED; nothing where the server has no access control, or does not tell */
export async function assertPrivileges(
  target: MongoConnection,
  databases: readonly string[],
  signal: AbortSignal,
): Promise<void> {
  const privileges = await readPrivileges(target, signal);
  if (!privileges) return;
  const [first] = missingActions(privileges, databases);
  if (!first) return;
  const [database, lacking] = first;
  throw new WaybillError(
    'MONGO_UNAUTHORIZED',
    `the user of the target ${target.url} lacks privileges on the database ${database}: ${lacking.join(', ')}`,
    {
      hint: 'Grant the roles readWriteAnyDatabase, dbAdminAnyDatabase and clusterMonitor on admin, on the target. docs/targets.md has a smaller role.',
      context: { database, lacking: lacking.join(',') },
    },
  );
}

async function readPrivileges(
  target: MongoConnection,
  signal: AbortSignal,
): Promise<readonly Privilege[] | null> {
  try {
    const { authInfo } = await target.command(
      'admin',
      { connectionStatus: 1, showPrivileges: true },
      { signal },
    );
    if (!Buffer.isBuffer(authInfo)) return null;
    const users = findElement(authInfo, 'authenticatedUsers');
    const held = findElement(authInfo, 'authenticatedUserPrivileges');
    if (!users || !held || [...elements(users.bytes)].length === 0) return null;
    return [...elements(held.bytes)].map(({ bytes }) => privilegeOf(bytes));
  } catch (error) {
    if (saysNotSupported(error) || hasCode(error, 'MONGO_UNAUTHORIZED')) return null;
    throw error;
  }
}

function privilegeOf(bytes: Uint8Array): Privilege {
  const actions = findElement(bytes, 'actions');
  const resource = findElement(bytes, 'resource');
  return {
    resource: resource ? resourceOf(resource.bytes) : null,
    actions: new Set(actions ? [...elements(actions.bytes)].map(readString) : []),
  };
}

function resourceOf(bytes: Uint8Array): Privilege['resource'] {
  if (findElement(bytes, 'anyResource')) return 'any';
  const [database, collection] = ['db', 'collection'].map((name) => findElement(bytes, name));
  if (!database || !collection) return null;
  return { database: readString(database), collection: readString(collection) };
}
