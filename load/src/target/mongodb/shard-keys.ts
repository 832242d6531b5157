import { hasCode, WaybillError } from '@waybill/shared/base/errors';
import { elements, findElement } from '@waybill/shared/bson/raw';
import { readString } from '@waybill/shared/bson/values';
import type { MongoConnection } from '@waybill/shared/mongo/driver/connection';
import { readAll } from '@waybill/shared/mongo/driver/read-all';

/**
 * Upserts and deletes name their document by `_id` alone. A router takes that only for a collection
 * that is sharded by `_id`, or not at all. Passes where the user may not read how it is sharded.
 * @throws TARGET_UNSUPPORTED
 */
export async function assertShardedById(
  target: MongoConnection,
  namespaces: readonly string[],
  signal: AbortSignal,
): Promise<void> {
  if (target.server.topology !== 'sharded') return;
  const filter = { _id: { $in: [...namespaces] } };
  for (const entry of await permitted(
    readAll(target, 'config', { find: 'collections', filter }, { signal }),
  )) {
    const [id, key, dropped] = ['_id', 'key', 'dropped'].map((name) => findElement(entry, name));
    if (!id || !key || dropped?.bytes[0] === 1) continue;
    const fields = [...elements(key.bytes)].map(({ name }) => name);
    if (fields.length === 1 && fields[0] === '_id') continue;
    const namespace = readString(id);
    throw new WaybillError(
      'TARGET_UNSUPPORTED',
      `${namespace} is sharded on the target by ${fields.join(', ')}, and a load writes by _id alone`,
      {
        hint: `Shard it by _id there, or not at all before the cutover; or load into another deployment. A new load (--load) can leave it out with --exclude ${namespace}.`,
        context: { namespace },
      },
    );
  }
}

async function permitted(reading: Promise<Buffer[]>): Promise<Buffer[]> {
  try {
    return await reading;
  } catch (error) {
    if (hasCode(error, 'MONGO_UNAUTHORIZED')) return [];
    throw error;
  }
}
