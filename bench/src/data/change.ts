import type { MongoConnection } from '@waybill/shared/mongo/driver/connection';
import { RawSequence } from '@waybill/shared/mongo/driver/raw-value';
import { BSON } from 'mongodb';
import { DATABASE, order } from './orders.ts';

const BATCH = 500;

/**
 * Makes as many changes as there were orders: a fifth inserts of new orders, three fifths updates,
 * a fifth deletes. Each changes another document. They come in batches: inserts, then updates, then
 * deletes.
 */
export async function changeOrders(
  connection: MongoConnection,
  collection: string,
  existing: number,
): Promise<void> {
  const fifth = Math.floor(existing / 5);
  for (let from = 0; from < fifth; from += BATCH) {
    const to = Math.min(fifth, from + BATCH);
    const inserts: Uint8Array[] = [];
    const updates: Uint8Array[] = [];
    const deletes: Uint8Array[] = [];
    for (let index = from; index < to; index++) {
      inserts.push(order(existing + index));
      for (let third = 0; third < 3; third++) updates.push(update(index * 3 + third));
      deletes.push(BSON.serialize({ q: { _id: idOf(fifth * 3 + index) }, limit: 1 }));
    }
    await connection.command(DATABASE, { insert: collection, documents: new RawSequence(inserts) });
    await connection.command(DATABASE, { update: collection, updates: new RawSequence(updates) });
    await connection.command(DATABASE, { delete: collection, deletes: new RawSequence(deletes) });
  }
}

function update(number: number): Uint8Array {
  const set = {
    status: 'changed',
    revision: 1,
    'items.3.quantity': number % 7,
    'customer.address.city': 'moved',
  };
  return BSON.serialize({ q: { _id: idOf(number) }, u: { $set: set } });
}

function idOf(number: number): unknown {
  return BSON.deserialize(order(number))._id;
}
