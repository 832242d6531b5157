/**
 * Finds documents that share one `_id`. A sharded cluster has no rule against them: the index on
 * `_id` holds for one shard. There they are two documents; on a server that is not sharded they are
 * at most one.
 */

import { sleep } from '../../base/lifecycle.ts';
import { splitNamespace } from '../../base/record.ts';
import { retry } from '../../base/retry.ts';
import { array, buildArray, buildDocument, doc } from '../../bson/build.ts';
import { canonicalKey } from '../../bson/canonical-key.ts';
import type { RawElement } from '../../bson/raw.ts';
import { documentId } from '../../bson/statement.ts';
import type { MongoConnection } from '../driver/connection.ts';
import { openCursor } from '../driver/cursor.ts';
import { rawDocument } from '../driver/raw-value.ts';
import { collectionUuidField, openByIdentity } from '../facts/collection-identity.ts';

export interface CollectionOfIds {
  readonly namespace: string;
  readonly collectionUuid: Uint8Array | null;
}

/**
 * Shards are not read at one moment. A document on its way between two shards may show on both, but
 * hardly so often in a row.
 */
const LOOKS = 5;
const PAUSE_MS = 200;

/** Takes ids that a reading met twice, and gives the ones that stay double. */
export async function duplicateIds(
  connection: MongoConnection,
  of: CollectionOfIds,
  ids: readonly RawElement[],
  signal: AbortSignal,
): Promise<readonly RawElement[]> {
  let left = ids;
  for (let look = 1; left.length > 0 && look <= LOOKS; look++) {
    if (look > 1) await sleep(PAUSE_MS, signal);
    left = await retry(() => foundTwice(connection, of, left, signal), undefined, { signal });
  }
  return left;
}

async function foundTwice(
  connection: MongoConnection,
  { namespace, collectionUuid }: CollectionOfIds,
  ids: readonly RawElement[],
  signal: AbortSignal,
): Promise<RawElement[]> {
  const { database, collection } = splitNamespace(namespace);
  const filter = buildDocument([['_id', doc(buildDocument([['$in', array(buildArray(ids))]]))]]);
  const command = {
    filter: rawDocument(filter),
    projection: { _id: 1 },
    readConcern: { level: 'majority' },
    ...collectionUuidField(connection.server, collectionUuid),
  };
  const found = await openByIdentity(
    connection,
    { database, collection, uuid: collectionUuid },
    (name) => openCursor(connection, database, { find: name, ...command }, { signal }),
    signal,
  );
  if (found === null) return [];
  await using cursor = found.opened;
  const seen = new Set<string>();
  const twice = new Map<string, RawElement>();
  for (let batch = await cursor.next(); batch; batch = await cursor.next()) {
    for (const document of batch.documents) {
      const id = documentId(document);
      const key = canonicalKey(id);
      if (seen.has(key)) twice.set(key, id);
      seen.add(key);
    }
  }
  return [...twice.values()];
}
