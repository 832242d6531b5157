import { fromObject } from '@waybill/shared/bson/build';
import type { MongoConnection } from '@waybill/shared/mongo/driver/connection';
import { RawSequence } from '@waybill/shared/mongo/driver/raw-value';

/**
 * Collections of a few documents with one secondary index each. Platforms with a database for each
 * customer have such collections.
 */
export const MANY_PREFIX = 'many_';
const COLLECTIONS_IN_DATABASE = 10;
const DOCUMENTS = 10;
const AT_ONCE = 4;

export function manyDatabases(collections: number): string[] {
  const count = Math.ceil(collections / COLLECTIONS_IN_DATABASE);
  return Array.from({ length: count }, (_, number) => `${MANY_PREFIX}${number}`);
}

export async function fillMany(connection: MongoConnection, collections: number): Promise<void> {
  const documents = Array.from({ length: DOCUMENTS }, (_, id) =>
    fromObject({ _id: id, customer: `customer ${id}` }),
  );
  let next = 0;
  const worker = async (): Promise<void> => {
    while (next < collections) {
      const number = next++;
      const database = `${MANY_PREFIX}${Math.floor(number / COLLECTIONS_IN_DATABASE)}`;
      const collection = `c${number % COLLECTIONS_IN_DATABASE}`;
      await connection.command(database, {
        createIndexes: collection,
        indexes: [{ key: { customer: 1 }, name: 'customer_1' }],
      });
      await connection.command(database, { insert: collection, documents: new RawSequence(documents) });
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, worker));
}
