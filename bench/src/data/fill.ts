import type { MongoConnection } from '@waybill/shared/mongo/driver/connection';
import { RawSequence } from '@waybill/shared/mongo/driver/raw-value';
import { DATABASE, INDEXES, order } from './orders.ts';

const BATCH = 2000;

/** Inserts orders `from` to `to` (exclusive), four batches at once. */
export async function fill(
  connection: MongoConnection,
  collection: string,
  from: number,
  to: number,
): Promise<void> {
  let next = from;
  const worker = async (): Promise<void> => {
    while (next < to) {
      const first = next;
      next = Math.min(to, first + BATCH);
      const documents = Array.from({ length: next - first }, (_, index) => order(first + index));
      await connection.command(DATABASE, {
        insert: collection,
        documents: new RawSequence(documents),
        ordered: false,
      });
    }
  };
  await Promise.all([worker(), worker(), worker(), worker()]);
}

export async function index(connection: MongoConnection, collection: string): Promise<void> {
  await connection.command(DATABASE, { createIndexes: collection, indexes: INDEXES });
}

export async function clear(connection: MongoConnection, databases: readonly string[]): Promise<void> {
  for (const database of databases) await connection.command(database, { dropDatabase: 1 });
}
