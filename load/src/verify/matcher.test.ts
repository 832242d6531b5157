import { buildDocument, int32, string } from '@waybill/shared/bson/build';
import { documentId } from '@waybill/shared/bson/statement';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { keyOf, Matcher } from './matcher.ts';

const document = (id: number, value: string): Buffer =>
  buildDocument([
    ['_id', int32(id)],
    ['value', string(value)],
  ]);

const key = (id: number): string => keyOf(documentId(document(id, '')));

/** Feeds both readings in pieces of given sizes, as cursors would. */
function suspects(
  source: readonly Buffer[],
  target: readonly Buffer[],
  pieces: readonly number[],
  limit = 1000,
) {
  const matcher = new Matcher(limit);
  const found = new Set<string>();
  let [s, t, turn] = [0, 0, 0];
  while (s < source.length || t < target.length) {
    const same = matcher.matchHeads(source.slice(s), target.slice(t));
    s += same;
    t += same;
    const size = pieces[turn++ % pieces.length] as number;
    if (turn % 2 === 0) for (const each of source.slice(s, s + size)) matcher.add('source', each);
    else for (const each of target.slice(t, t + size)) matcher.add('target', each);
    if (turn % 2 === 0) s += size;
    else t += size;
    for (const { id } of matcher.take()) found.add(keyOf(id));
  }
  for (const { id } of matcher.finish()) found.add(keyOf(id));
  return found;
}

describe('the matcher', () => {
  test('names what is missing, extra and different, and nothing else, however the pieces fall', () => {
    const ids = fc.uniqueArray(fc.integer({ min: 0, max: 200 }), { maxLength: 80 });
    const pieces = fc.array(fc.integer({ min: 1, max: 9 }), { minLength: 1, maxLength: 6 });
    fc.assert(
      fc.property(ids, ids, ids, ids, pieces, (both, left, right, changed, sizes) => {
        const inSource = new Set([...both, ...left]);
        const inTarget = new Set([...both, ...right]);
        const order = (set: Set<number>): number[] => [...set].sort((a, b) => a - b);
        const source = order(inSource).map((id) => document(id, 'x'));
        const target = order(inTarget).map((id) => document(id, changed.includes(id) ? 'y' : 'x'));
        const expected = order(new Set([...inSource, ...inTarget])).filter(
          (id) => inSource.has(id) !== inTarget.has(id) || changed.includes(id),
        );
        expect([...suspects(source, target, sizes)].sort()).toEqual(expected.map(key).sort());
      }),
    );
  });

  test('gives a long run without a meeting up as suspects instead of growing', () => {
    const source = Array.from({ length: 50 }, (_, id) => document(id, 'x'));
    const target = Array.from({ length: 50 }, (_, id) => document(id + 1000, 'x'));
    const found = suspects(source, target, [7, 5], 10);
    expect(found.size).toBe(100);
  });
});
