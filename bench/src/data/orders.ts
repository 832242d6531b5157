import { BSON } from 'mongodb';

/**
 * The default data set: orders with a nested customer and eight items each. Only the order's number
 * seeds it, so every run and every machine has the same bytes.
 */
export const DEFAULT_DOCUMENTS = 500_000;
/** Average size of an order as BSON, in bytes. */
export const ORDER_BYTES = 1036;
export const DATABASE = 'bench';
export const COLLECTION = 'orders';

export interface IndexSpec {
  readonly key: Readonly<Record<string, 1 | -1>>;
  readonly name: string;
}

/** Indexes besides `_id`. They are the same on both sides of every comparison. */
export const INDEXES: readonly IndexSpec[] = [
  { key: { 'customer.email': 1 }, name: 'customer.email_1' },
  { key: { status: 1, createdAt: -1 }, name: 'status_1_createdAt_-1' },
];

const STATUSES = ['new', 'paid', 'packed', 'sent', 'delivered', 'returned'];
const WORDS = ['amber', 'basil', 'cedar', 'delta', 'ember', 'fjord', 'grove', 'haven', 'islet', 'jetty'];

export function order(number: number, revision = 0): Uint8Array {
  const next = random(number * 31 + revision);
  const pick = (list: readonly string[]): string => list[next() % list.length] as string;
  const id = Buffer.alloc(12);
  id.writeUInt32BE(0x65000000 + Math.floor(number / 1000), 0);
  id.writeUInt32BE(0xbeef, 4);
  id.writeUInt32BE(number, 8);
  const customerNumber = next() % 100_000;
  const items = Array.from({ length: 8 }, (_, line) => ({
    sku: `SKU-${pick(WORDS)}-${next() % 10_000}`,
    title: `${pick(WORDS)} ${pick(WORDS)}`,
    quantity: 1 + (next() % 5),
    price: (next() % 100_000) / 100,
    line,
  }));
  return BSON.serialize({
    _id: new BSON.ObjectId(id),
    number: new BSON.Long(number),
    status: pick(STATUSES),
    revision,
    createdAt: new Date(1_700_000_000_000 + number * 1000),
    customer: {
      name: `${pick(WORDS)} ${pick(WORDS)}`,
      email: `customer${customerNumber}@example.com`,
      address: {
        street: `${pick(WORDS)} street ${next() % 200}`,
        city: pick(WORDS),
        zip: `${next() % 90_000}`,
      },
    },
    items,
    note: `${pick(WORDS)} ${pick(WORDS)} ${pick(WORDS)} ${next()}`,
  });
}

/** The high bits of Numerical Recipes' linear congruential generator. */
function random(seed: number): () => number {
  let state = (seed ^ 0x9e3779b9) >>> 0;
  return () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return state >>> 8;
  };
}
