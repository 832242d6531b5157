import { WaybillError } from '@waybill/shared/base/errors';
import { splitNamespace } from '@waybill/shared/base/record';
import { array, buildArray, buildDocument, doc, int32, string } from '@waybill/shared/bson/build';
import { elements, findElement, type RawElement } from '@waybill/shared/bson/raw';
import { readString } from '@waybill/shared/bson/values';
import { serverCode } from '@waybill/shared/mongo/driver/classify';
import type { MongoConnection } from '@waybill/shared/mongo/driver/connection';
import { rawDocument } from '@waybill/shared/mongo/driver/raw-value';
import { readAll } from '@waybill/shared/mongo/driver/read-all';
import { isTransientServerCode } from '@waybill/shared/mongo/driver/server-codes';
import type { ShardKey } from '../target.ts';

/**
 * How these collections are sharded; the others are not. A router keeps that in config.collections.
 * A user who may not read there is told by `$listClusterCatalog` (8.1), or by collStats, which says
 * no more than that a collection is sharded. @throws TARGET_UNSUPPORTED where the key stays unknown
 */
export async function readShardKeys(
  connection: MongoConnection,
  namespaces: readonly string[],
  signal: AbortSignal,
): Promise<ReadonlyMap<string, ShardKey>> {
  if (connection.server.topology !== 'sharded' || namespaces.length === 0) return new Map();
  const names = buildArray(namespaces.map((namespace) => string(namespace)));
  const filter = rawDocument(buildDocument([['_id', doc(buildDocument([['$in', array(names)]]))]]));
  const entries = await unlessRefused(
    readAll(connection, 'config', { find: 'collections', filter }, { signal }),
  );
  if (entries === null) return readWithoutConfig(connection, namespaces, signal);
  const keys = new Map<string, ShardKey>();
  for (const entry of entries) {
    const [id, key, dropped, alone] = ['_id', 'key', 'dropped', 'unsplittable'].map((name) =>
      findElement(entry, name),
    );
    if (id && key && !isTrue(dropped) && !isTrue(alone)) {
      // Both change where a collection is made, sharded or resharded anew.
      const [epoch, time] = ['lastmodEpoch', 'timestamp'].map((name) => findElement(entry, name));
      keys.set(readString(id), shardKey(key, epoch, time));
    }
  }
  return keys;
}

async function readWithoutConfig(
  connection: MongoConnection,
  namespaces: readonly string[],
  signal: AbortSignal,
): Promise<ReadonlyMap<string, ShardKey>> {
  const keys = new Map<string, ShardKey>();
  for (const database of new Set(namespaces.map((namespace) => splitNamespace(namespace).database))) {
    const pipeline = [{ $listClusterCatalog: {} }];
    const catalog = await unlessRefused(
      readAll(connection, database, { aggregate: 1, pipeline }, { signal }),
    );
    const wanted = namespaces.filter((namespace) => splitNamespace(namespace).database === database);
    for (const namespace of wanted) {
      if (catalog === null) await assertUnsharded(connection, namespace, signal);
      const entry = catalog?.find((each) => readString(findElement(each, 'ns')!) === namespace);
      const key = entry && isTrue(findElement(entry, 'sharded')) && findElement(entry, 'shardKey');
      if (key) keys.set(namespace, shardKey(key));
    }
  }
  return keys;
}

async function assertUnsharded(
  connection: MongoConnection,
  namespace: string,
  signal: AbortSignal,
): Promise<void> {
  const { database, collection } = splitNamespace(namespace);
  const stats = await unlessRefused(connection.command(database, { collStats: collection }, { signal }));
  if (stats?.sharded !== true) return;
  throw new WaybillError(
    'TARGET_UNSUPPORTED',
    `${namespace} is sharded on the target, and the user may not read by which key`,
    {
      hint: `Grant the role clusterMonitor, or find on config.collections, on the target. Or leave the collection out in a new load: --load with another name and --exclude ${namespace}.`,
      context: { namespace },
    },
  );
}

/** `_id` and the key's fields of every document that has one of the ids, on whichever shard. */
export function locate(
  connection: MongoConnection,
  namespace: string,
  ids: readonly RawElement[],
  fields: readonly string[],
  signal: AbortSignal,
): Promise<readonly Buffer[]> {
  const { database, collection } = splitNamespace(namespace);
  const command = {
    find: collection,
    filter: rawDocument(buildDocument([['_id', doc(buildDocument([['$in', array(buildArray(ids))]]))]])),
    projection: rawDocument(buildDocument(fields.map((field) => [field, int32(1)]))),
    // Not the deployment's own default, which may read copies that a migration left behind.
    readConcern: { level: 'local' },
  };
  return readAll(connection, database, command, { signal });
}

function shardKey(key: RawElement, ...marks: readonly (RawElement | undefined)[]): ShardKey {
  const pattern = Buffer.from(key.bytes);
  const version = [key, ...marks].map((mark) => Buffer.from(mark?.bytes ?? []).toString('base64'));
  const fields = [...elements(pattern)].map(({ name }) => name);
  return { fields, pattern, version: version.join('/') };
}

/** Null where the server answers that it will not do this. */
async function unlessRefused<T>(answer: Promise<T>): Promise<T | null> {
  try {
    return await answer;
  } catch (error) {
    const code = serverCode(error);
    if (code === undefined || isTransientServerCode(code)) throw error;
    return null;
  }
}

function isTrue(element: RawElement | undefined): boolean {
  return element?.bytes[0] === 1;
}
