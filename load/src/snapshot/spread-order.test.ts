import type { SegmentEntry } from '@waybill/shared/manifest/commit';
import { describe, expect, it } from 'vitest';
import { SpreadOrder } from './spread-order.ts';

const segment = (namespace: string, chunk: number, part = 0, documentBytes = 100): SegmentEntry => ({
  kind: 'snapshot',
  key: `${namespace}/${chunk}-${part}`,
  format: 'avro',
  codec: 'zstandard',
  bytes: 10,
  records: 1,
  sha256: '',
  documentBytes,
  namespace,
  chunk,
  part,
});

function orderOf(segments: readonly SegmentEntry[], keepsOrder: readonly string[] = []): string[] {
  const order = new SpreadOrder((namespace) => keepsOrder.includes(namespace));
  for (const each of segments) order.add(each);
  const keys: string[] = [];
  for (let next = order.take(); next; next = order.take()) keys.push(next.key);
  expect(order.size).toBe(0);
  return keys;
}

describe('segments of one collection', () => {
  it('are taken far from each other, in whatever order they came', () => {
    const segments = Array.from({ length: 16 }, (_, n) => segment('a.b', Math.floor(n / 2), n % 2));
    const keys = orderOf(segments);
    expect(keys.toSorted()).toEqual(segments.map(({ key }) => key).toSorted());
    expect(orderOf(segments.toReversed())).toEqual(keys);
    const at = keys.map((key) => segments.findIndex((each) => each.key === key));
    // The first half: no two after one another are neighbours.
    for (let n = 1; n < 8; n++) expect(Math.abs(at[n]! - at[n - 1]!)).toBeGreaterThan(2);
    expect(keys.slice(0, 4)).toEqual(['a.b/0-0', 'a.b/4-0', 'a.b/2-0', 'a.b/6-0']);
  });

  it('keep their order where it is data', () => {
    const segments = [2, 0, 1].map((chunk) => segment('a.capped', chunk));
    expect(orderOf(segments, ['a.capped'])).toEqual(segments.map(({ key }) => key));
  });
});

it('collections are taken in turn, by what is left of each', () => {
  const many = Array.from({ length: 6 }, (_, chunk) => segment('a.large', chunk));
  const few = Array.from({ length: 3 }, (_, chunk) => segment('a.small', chunk));
  const turns = orderOf([...many, ...few]).map((key) => (key.startsWith('a.large') ? 'L' : 's'));
  expect(turns.join('')).toBe('LsLLsLLsL');
});

it('takes in segments while others are taken', () => {
  const order = new SpreadOrder(() => false);
  order.add(segment('a.b', 0));
  expect([order.take()?.key, order.take()]).toEqual(['a.b/0-0', undefined]);
  order.add(segment('a.b', 2));
  order.add(segment('a.b', 1));
  expect(order.take()?.key).toBe('a.b/2-0');
});
