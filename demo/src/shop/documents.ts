import { Decimal128, type Document, Double, Int32, Long, ObjectId } from 'mongodb-4-0';
import type { Random } from './random.ts';

/** 2026-01-01: the same seed gives the same documents on any day. */
const EPOCH = Date.UTC(2026, 0, 1);
const DAY_MS = 86_400_000;
const STATES = ['placed', 'paid', 'packed', 'sent', 'delivered', 'returned'] as const;
const COUNTRIES = ['DE', 'FR', 'JP', 'KE', 'BR', 'US', 'IN', 'NO'] as const;

export type OrderId = ObjectId | string | Int32 | Long | Document;

/** Ids of several types in one collection, as real collections have after some years. */
export function orderId(n: number): OrderId {
  switch (n % 8) {
    case 5:
      return `ORD-${String(n).padStart(8, '0')}`;
    case 6:
      return n % 16 === 6 ? new Int32(n) : Long.fromNumber(n);
    case 7:
      return { region: COUNTRIES[n % COUNTRIES.length], number: new Int32(n) };
    default:
      return new ObjectId(n.toString(16).padStart(24, '0'));
  }
}

export function order(n: number, random: Random): Document {
  const items = Array.from({ length: 1 + random.int(6) }, () => item(random));
  return {
    _id: orderId(n),
    number: Long.fromNumber(n),
    state: random.pick(STATES),
    placedAt: new Date(EPOCH + n * 1000),
    customer: {
      id: customerId(random.int(5000)),
      name: random.words(2),
      address: { street: random.words(2), city: random.words(1), country: random.pick(COUNTRIES) },
    },
    items,
    total: Decimal128.fromString((random.int(1_000_000) / 100).toFixed(2)),
    discount: new Double(random.int(4)),
    notes: random.words(random.int(20)),
  };
}

export function item(random: Random): Document {
  return {
    product: new Int32(random.int(2000)),
    quantity: new Int32(1 + random.int(5)),
    price: Decimal128.fromString((random.int(50_000) / 100).toFixed(2)),
    options: { color: random.words(1), gift: random.chance(0.1) },
  };
}

export function customerId(n: number): string {
  return `c${String(n).padStart(6, '0')}`;
}

export function customer(n: number, random: Random): Document {
  return {
    _id: customerId(n),
    email: `customer.${n}@shop.test`,
    name: random.words(2),
    country: random.pick(COUNTRIES),
    since: new Date(EPOCH - random.int(1_000_000_000)),
    points: new Int32(random.int(10_000)),
    preferences: { newsletter: random.chance(0.5), categories: [random.words(1), random.words(1)] },
  };
}

export function product(n: number, random: Random): Document {
  return {
    _id: new Int32(n),
    name: random.words(3),
    description: random.words(40),
    price: Decimal128.fromString((random.int(50_000) / 100).toFixed(2)),
    stock: new Int32(random.int(500)),
    tags: [random.words(1), random.words(1), random.words(1)],
    location: { type: 'Point', coordinates: [random.int(360) - 180, random.int(170) - 85] },
  };
}

/**
 * `soonMs`: one in fifty runs out within that time after `now`; the others, or all, in a day or
 * two.
 */
export function session(n: number, random: Random, now: number, soonMs: number | undefined): Document {
  const soon = soonMs !== undefined && n % 50 === 0;
  return {
    _id: new ObjectId(((1n << 90n) + BigInt(n)).toString(16).padStart(24, '0')),
    customer: customerId(random.int(5000)),
    expiresAt: new Date(now + (soon ? random.int(soonMs) : DAY_MS + random.int(DAY_MS))),
    pages: Array.from({ length: random.int(8) }, () => `/${random.words(2).replace(' ', '/')}`),
  };
}

/** One `_id` of nearly every type that a server allows. */
export function review(n: number, random: Random): Document {
  const ids: readonly unknown[] = [
    new Int32(n),
    Long.fromNumber(n),
    new Double(n + 0.5),
    Decimal128.fromString(`${n}.25`),
    `review ${n}`,
    new Date(EPOCH + n),
    { product: new Int32(n), by: customerId(n) },
    new ObjectId(((1n << 91n) + BigInt(n)).toString(16).padStart(24, '0')),
  ];
  return {
    _id: ids[n % ids.length],
    product: new Int32(random.int(2000)),
    stars: new Int32(1 + random.int(5)),
    text: random.words(10 + random.int(40)),
  };
}
