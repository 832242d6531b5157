import { WaybillError } from '@waybill/shared/base/errors';
import { splitNamespace } from '@waybill/shared/base/record';
import type { RawElement } from '@waybill/shared/bson/raw';
import type { MongoConnection } from '@waybill/shared/mongo/driver/connection';
import { type CollectionOfIds, duplicateIds } from '@waybill/shared/mongo/read/duplicate-ids';

/** Looks again at ids that a read met twice. @throws SOURCE_DUPLICATE_ID if one of them stays so */
export async function refuseDuplicates(
  connection: MongoConnection,
  of: CollectionOfIds,
  ids: readonly RawElement[],
  signal: AbortSignal,
): Promise<void> {
  const { length } = await duplicateIds(connection, of, ids, signal);
  if (length === 0) return;
  const { namespace } = of;
  const name = JSON.stringify(splitNamespace(namespace).collection);
  throw new WaybillError(
    'SOURCE_DUPLICATE_ID',
    `${namespace} has two documents of one _id on different shards; at most one of them can stand on a target`,
    {
      hint: `Find them: db.getCollection(${name}).aggregate([{$group: {_id: "$_id", n: {$sum: 1}}}, {$match: {n: {$gt: 1}}}]). Remove one, or give it another _id, and run the same command again; or leave the collection out with --exclude ${namespace}.`,
      context: { namespace, ids: length },
    },
  );
}
