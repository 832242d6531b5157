import { buildDocument, string } from '@waybill/shared/bson/build';
import { findElement } from '@waybill/shared/bson/raw';
import { readString } from '@waybill/shared/bson/values';
import { hasServerCode } from '@waybill/shared/mongo/driver/classify';
import type { MongoConnection } from '@waybill/shared/mongo/driver/connection';
import { rawDocument } from '@waybill/shared/mongo/driver/raw-value';
import { readAll } from '@waybill/shared/mongo/driver/read-all';

/** More than anybody reshards one collection between two starts of a load. */
const MOST_STEPS = 100;

/**
 * Whether a cluster made the collection `to` of the collection `from`, by resharding or by moving
 * it: that gives a collection a new uuid. The cluster notes it in config.changelog. False where the
 * user may not read there.
 */
export async function wasResharded(connection: MongoConnection, from: Buffer, to: Buffer): Promise<boolean> {
  if (connection.server.topology !== 'sharded') return false;
  let at = from;
  for (let step = 0; step < MOST_STEPS; step++) {
    const next = await successorOf(connection, at);
    if (next === null) return false;
    if (next.equals(to)) return true;
    at = next;
  }
  return false;
}

async function successorOf(connection: MongoConnection, collection: Buffer): Promise<Buffer | null> {
  const filter = buildDocument([
    ['what', string('resharding.coordinator.transition')],
    ['details.newState', string('committing')],
    ['details.collectionUUID', string(textOf(collection))],
  ]);
  const command = { find: 'changelog', filter: rawDocument(filter), limit: 1 };
  try {
    const [entry] = await readAll(connection, 'config', command);
    const details = entry && findElement(entry, 'details');
    const made = details && findElement(details.bytes, 'reshardingUUID');
    return made ? Buffer.from(readString(made).replaceAll('-', ''), 'hex') : null;
  } catch (error) {
    if (hasServerCode(error, 'Unauthorized')) return null;
    throw error;
  }
}

/** As the change log writes a uuid. */
function textOf(bytes: Buffer): string {
  return bytes.toString('hex').replace(/^(.{8})(.{4})(.{4})(.{4})/, '$1-$2-$3-$4-');
}
