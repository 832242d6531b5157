import type { CreateCollectionOptions, Db, Document, IndexDescription } from 'mongodb-4-0';
import { MongoClient } from 'mongodb-4-0';
import { customer, order, product, review, session } from './documents.ts';
import { Random } from './random.ts';

/** The data set of the demo and of the tests with a running application. */
export interface ShopOptions {
  readonly uri: string;
  readonly database: string;
  readonly seed: number;
  /** Orders; the other collections follow in proportion. Default 40,000. */
  readonly orders?: number;
  /**
   * Some sessions run out within this time, in milliseconds, and their TTL index deletes them.
   * Default: none for a day.
   */
  readonly sessionsRunOutMs?: number;
}

export interface ShopSummary {
  readonly orders: number;
  readonly collections: number;
  readonly documents: number;
}

interface ShopCollection {
  readonly name: string;
  readonly options?: CreateCollectionOptions;
  readonly indexes?: readonly IndexDescription[];
  readonly documents: number;
  readonly make: (n: number, random: Random) => Document;
  /** The first server release that knows its options. */
  readonly since?: number;
}

const DEFAULT_ORDERS = 40_000;
const BATCH = 1000;

export async function createShop(options: ShopOptions): Promise<ShopSummary> {
  const { uri, database } = options;
  const client = await MongoClient.connect(uri);
  try {
    return await fillShop(client.db(database), options);
  } finally {
    await client.close();
  }
}

async function fillShop(database: Db, options: ShopOptions): Promise<ShopSummary> {
  const { seed, orders = DEFAULT_ORDERS, sessionsRunOutMs } = options;
  const random = new Random(seed);
  const { version } = await database.command({ buildInfo: 1 });
  const release = Number.parseFloat(version);
  const wanted = shopCollections(orders, sessionsRunOutMs).filter(({ since = 0 }) => release >= since);
  let documents = 0;
  for (const collection of wanted) {
    await fill(database, collection, random);
    documents += collection.documents;
  }
  await database.createCollection('open_orders', {
    viewOn: 'orders',
    pipeline: [{ $match: { state: { $in: ['placed', 'paid'] } } }, { $project: { items: 0 } }],
  });
  return { orders, documents, collections: wanted.length };
}

async function fill(database: Db, wanted: ShopCollection, random: Random): Promise<void> {
  const collection = await database.createCollection(wanted.name, wanted.options ?? {});
  for (let from = 0; from < wanted.documents; from += BATCH) {
    const count = Math.min(BATCH, wanted.documents - from);
    const batch = Array.from({ length: count }, (_, n) => wanted.make(from + n, random));
    await collection.insertMany(batch, { ordered: false });
  }
  if (wanted.indexes) await collection.createIndexes([...wanted.indexes]);
}

function shopCollections(orders: number, sessionsRunOutMs: number | undefined): readonly ShopCollection[] {
  const part = (share: number): number => Math.max(10, Math.round(orders * share));
  const now = Date.now();
  return [
    {
      name: 'orders',
      documents: orders,
      make: order,
      indexes: [
        { key: { 'customer.id': 1, placedAt: -1 }, name: 'by customer' },
        { key: { total: 1 }, name: 'returns', partialFilterExpression: { state: 'returned' } },
      ],
    },
    {
      name: 'customers',
      // The application speaks of the first 5,000.
      documents: Math.min(5000, part(0.2)),
      make: customer,
      indexes: [
        { key: { email: 1 }, name: 'email', unique: true },
        { key: { country: 1, name: 1 }, name: 'by country' },
      ],
    },
    {
      name: 'products',
      documents: Math.min(2000, part(0.05)),
      make: product,
      options: {
        validator: { $jsonSchema: { bsonType: 'object', required: ['name', 'price'] } },
        validationLevel: 'moderate',
      },
      indexes: [
        { key: { name: 'text', description: 'text' }, name: 'search', weights: { name: 5 } },
        { key: { location: '2dsphere' }, name: 'place' },
        { key: { tags: 1 }, name: 'tags' },
      ],
    },
    {
      name: 'sessions',
      documents: part(0.15),
      make: (n, random) => session(n, random, now, sessionsRunOutMs),
      indexes: [{ key: { expiresAt: 1 }, name: 'expiry', expireAfterSeconds: 0 }],
    },
    {
      name: 'reviews',
      documents: part(0.15),
      make: review,
      indexes: [{ key: { product: 1, stars: -1 }, name: 'by product' }],
    },
    {
      name: 'ledger',
      documents: 0,
      make: () => ({}),
      indexes: [{ key: { order: 'hashed' }, name: 'order' }],
    },
    {
      name: 'audit',
      documents: 500,
      make: (n, random) => ({ entry: n, text: random.words(12) }),
      options: { capped: true, size: 4 * 1024 * 1024 },
    },
    {
      name: 'words',
      documents: 300,
      make: (n, random) => ({ _id: `${n % 2 === 0 ? 'Word' : 'wORD'} ${n}`, means: random.words(3) }),
      options: { collation: { locale: 'en', strength: 2 } },
      indexes: [{ key: { means: 1 }, name: 'meaning' }],
    },
    {
      name: 'days',
      documents: 365,
      make: (n, random) => ({ _id: new Date(Date.UTC(2026, 0, 1 + n)), revenue: random.int(100_000) }),
      options: { clusteredIndex: { key: { _id: 1 }, unique: true } },
      since: 6,
    },
  ];
}
