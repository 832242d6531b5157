import { Double } from 'mongodb-4-0';
import type { TestClient } from '../support/raw.ts';

const HOUR = 3600;

/** One of each kind that a load holds back. Nothing in it expires for hours. */
export async function fillWithHeldBack(client: TestClient, database: string): Promise<void> {
  const db = client.client.db(database);
  await client.command(database, {
    create: 'clustered',
    clusteredIndex: { key: { _id: 1 }, unique: true },
    expireAfterSeconds: HOUR,
  });
  const people = Array.from({ length: 300 }, (_, n) => ({
    _id: n as never,
    email: `person${n}@example.test`,
    code: n % 3 === 0 ? null : n,
    at: new Date(Date.now() + HOUR * 1000),
  }));
  await db.collection('people').insertMany(people);
  await db
    .collection('clustered')
    .insertMany([1, 2, 3].map((n) => ({ _id: new Date(Date.now() + n) as never })));
  await client.command(database, {
    createIndexes: 'people',
    indexes: [
      { key: { email: 1 }, name: 'unique', unique: true },
      { key: { email: 1 }, name: 'beside the unique one' },
      { key: { code: 1 }, name: 'partial', unique: true, partialFilterExpression: { code: { $gt: 0 } } },
      { key: { at: 1 }, name: 'ttl', expireAfterSeconds: HOUR },
      { key: { at: -1 }, name: 'ttl double hidden', expireAfterSeconds: new Double(HOUR), hidden: true },
      { key: { code: -1 }, name: 'hidden', hidden: true },
    ],
  });
}
