/** Looks up documents by `_id`, in bounded pieces. */

import type { ClusterTime } from '@waybill/shared/base/position';
import { splitNamespace } from '@waybill/shared/base/record';
import { DEFAULT_RETRY, retry } from '@waybill/shared/base/retry';
import { array, buildArray, buildDocument, doc, string, timestamp } from '@waybill/shared/bson/build';
import { findElement, type RawElement } from '@waybill/shared/bson/raw';
import { documentId } from '@waybill/shared/bson/statement';
import { readNumber } from '@waybill/shared/bson/values';
import type { MongoConnection } from '@waybill/shared/mongo/driver/connection';
import { openCursor } from '@waybill/shared/mongo/driver/cursor';
import { type RawField, rawDocument } from '@waybill/shared/mongo/driver/raw-value';
import { keyOf, readConcernOf } from './side.ts';

/** An `_id` may be large: pieces are bounded by both. */
const IDS_AT_ONCE = 1000;
const ID_BYTES_AT_ONCE = 1024 * 1024;

export interface LookupOptions {
  /** Read nothing older than this. */
  readonly notBefore: ClusterTime | undefined;
  readonly signal: AbortSignal;
}

/**
 * Calls `found` with each document that has one of the ids, or another id that the server holds
 * equal. One command. Resolves to a time of the server's that no write seen here is later than;
 * null where the server tells none.
 */
export async function lookup(
  connection: MongoConnection,
  namespace: string,
  ids: readonly RawElement[],
  options: LookupOptions & { readonly idOnly?: boolean },
  found: (document: Buffer) => void,
): Promise<ClusterTime | null> {
  const { signal, notBefore, idOnly } = options;
  const { database, collection } = splitNamespace(namespace);
  const filter = buildDocument([['_id', doc(buildDocument([['$in', array(buildArray(ids))]]))]]);
  const command = {
    find: collection,
    filter: rawDocument(filter),
    ...(idOnly && { projection: { _id: 1 } }),
    ...readConcernField(connection, notBefore),
  };
  await using cursor = await openCursor(connection, database, command, { signal });
  let time: ClusterTime | null = null;
  for (let batch = await cursor.next(); batch; batch = await cursor.next()) {
    for (const document of batch.documents) found(document);
    if (batch.operationTime !== null && (time === null || batch.operationTime > time))
      time = batch.operationTime;
  }
  return time;
}

/** Which of the ids are there, by their bytes. */
export async function existing(
  connection: MongoConnection,
  namespace: string,
  ids: readonly RawElement[],
  options: LookupOptions,
): Promise<ReadonlySet<string>> {
  return retry(
    async () => {
      const found = new Set<string>();
      await lookup(connection, namespace, ids, { ...options, idOnly: true }, (document) =>
        found.add(keyOf(documentId(document))),
      );
      return found;
    },
    DEFAULT_RETRY,
    { signal: options.signal },
  );
}

/** The document with exactly that `_id`. */
export async function readOne(
  connection: MongoConnection,
  namespace: string,
  id: RawElement,
  options: LookupOptions,
): Promise<Buffer | undefined> {
  const key = keyOf(id);
  return retry(
    async () => {
      let one: Buffer | undefined;
      await lookup(connection, namespace, [id], options, (document) => {
        if (keyOf(documentId(document)) === key) one = document;
      });
      return one;
    },
    DEFAULT_RETRY,
    { signal: options.signal },
  );
}

/** How many of the ids, counted from the first, one command takes: at least one. */
export function idsAtOnce(count: number, id: (index: number) => RawElement): number {
  let [size, bytes] = [0, 0];
  while (size < count && size < IDS_AT_ONCE) {
    bytes += id(size).bytes.length;
    if (size > 0 && bytes > ID_BYTES_AT_ONCE) break;
    size++;
  }
  return size;
}

function readConcernField(
  connection: MongoConnection,
  notBefore: ClusterTime | undefined,
): { readConcern?: RawField } {
  const level = readConcernOf(connection);
  if (level === null) return {};
  return {
    readConcern: rawDocument(
      buildDocument([
        ['level', string(level)],
        ...(notBefore === undefined ? [] : [['afterClusterTime', timestamp(notBefore)] as const]),
      ]),
    ),
  };
}

/** Of a whole collection, counted and not estimated. */
export async function countDocuments(
  connection: MongoConnection,
  namespace: string,
  signal: AbortSignal,
): Promise<number> {
  const { database, collection } = splitNamespace(namespace);
  const pipeline = [{ $group: { _id: null, n: { $sum: 1 } } }];
  return retry(
    async () => {
      await using cursor = await openCursor(
        connection,
        database,
        { aggregate: collection, pipeline },
        { signal },
      );
      const batch = await cursor.next();
      const [result] = batch?.documents ?? [];
      return result ? readNumber(findElement(result, 'n')) : 0;
    },
    DEFAULT_RETRY,
    { signal },
  );
}
