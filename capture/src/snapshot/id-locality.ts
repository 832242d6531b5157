import { hasCode } from '@waybill/shared/base/errors';
import { array, buildArray, buildDocument, doc } from '@waybill/shared/bson/build';
import { asBuffer, BsonType, findElement, type RawElement } from '@waybill/shared/bson/raw';
import type { MongoConnection } from '@waybill/shared/mongo/driver/connection';
import { rawDocument } from '@waybill/shared/mongo/driver/raw-value';
import { readAll } from '@waybill/shared/mongo/driver/read-all';
import { collectionUuidField } from '@waybill/shared/mongo/facts/collection-identity';
import type { PlannedCollection } from '@waybill/shared/mongo/read/range-plan';

/** How many pairs are looked at; fewer say too little. */
const MOST_PAIRS = 100;
const LEAST_PAIRS = 20;
/** With random `_id`s half of the pairs run against the rest; if `_id`s grow with time, none do. */
const SCATTERED_SHARE = 0.2;

/**
 * Whether documents that follow each other by `_id` are scattered over the collection: with random
 * UUIDs, hashes, or a tenant in front. The record ids of a few documents tell, since they grow in
 * the order of insertion.
 * @param ids documents `{_id: …}` in the order of the `_id` index, spread over the collection
 */
export async function isScattered(
  connection: MongoConnection,
  collection: Pick<PlannedCollection, 'database' | 'name' | 'uuid'>,
  ids: readonly Buffer[],
  signal: AbortSignal | undefined,
): Promise<boolean> {
  if (ids.length <= LEAST_PAIRS) return false;
  try {
    const places = await recordIds(connection, collection, ids, signal);
    const pairs = places.length - 1;
    if (pairs < LEAST_PAIRS) return false;
    const up = places.filter((place, index) => index > 0 && place > places[index - 1]!).length;
    return Math.min(up, pairs - up) / pairs > SCATTERED_SHARE;
  } catch (error) {
    // It was dropped or renamed since it was listed, or the server shows no record ids. Reading by
    // `_id` is always right.
    if (hasCode(error, 'MONGO_COMMAND_FAILED')) return false;
    throw error;
  }
}

/**
 * In the order of the `_id` index. None if the collection is clustered by `_id`, since the two
 * orders are one.
 */
async function recordIds(
  connection: MongoConnection,
  { database, name, uuid }: Pick<PlannedCollection, 'database' | 'name' | 'uuid'>,
  ids: readonly Buffer[],
  signal: AbortSignal | undefined,
): Promise<bigint[]> {
  const step = Math.max(1, Math.floor(ids.length / MOST_PAIRS));
  const some = ids.filter((_, index) => index % step === 0).map((id) => findElement(id, '_id')!);
  const inIds = doc(buildDocument([['$in', array(buildArray(some))]]));
  const command = {
    find: name,
    filter: rawDocument(buildDocument([['_id', inIds]])),
    projection: { _id: 1 },
    sort: { _id: 1 },
    showRecordId: true,
    ...collectionUuidField(connection.server, uuid),
  };
  const places = (await readAll(connection, database, command, { signal })).map((document) =>
    recordId(findElement(document, '$recordId')),
  );
  return places.every((place) => place !== undefined) ? places : [];
}

function recordId(element: RawElement | undefined): bigint | undefined {
  return element?.type === BsonType.int64 ? asBuffer(element.bytes).readBigInt64LE(0) : undefined;
}
