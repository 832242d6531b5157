import { fromObject } from '@waybill/shared/bson/build';
import { describe, expect, it } from 'vitest';
import { waitingIndexes } from './collections.ts';
import { planIndexes } from './index-plan.ts';

const plain = { collated: false };
const ID = fromObject({ v: 2, key: { _id: 1 }, name: '_id_' });
const a = fromObject({ v: 2, key: { a: 1 }, name: 'a' });
const uniqueA = fromObject({ v: 2, key: { a: 1 }, name: 'ua', unique: true });
const b = fromObject({ v: 2, key: { b: -1 }, name: 'b' });

const names = (plan: ReturnType<typeof planIndexes>) => plan.create.map(({ name }) => name);

describe('planIndexes', () => {
  it('creates what is missing and leaves what stands there', () => {
    const plan = planIndexes(waitingIndexes([ID, a, b]), [ID, a], plain);
    expect(names(plan)).toEqual(['b']);
    expect(plan.drop).toEqual([]);
    expect(plan.records.map(({ name, state }) => [name, state])).toEqual([
      ['a', 'built'],
      ['b', 'waiting'],
    ]);
  });

  it('takes numbers of other types, and the unsaid simple collation, for the same', () => {
    const there = fromObject({ v: 2, key: { a: 1n }, name: 'a' });
    const plan = planIndexes(waitingIndexes([a]), [there], { collated: true });
    expect(plan).toMatchObject({ create: [], drop: [], records: [{ state: 'built' }] });
  });

  it('replaces an index of the same name and another key', () => {
    const other = fromObject({ v: 2, key: { z: 1 }, name: 'a' });
    const plan = planIndexes(waitingIndexes([a]), [other], plain);
    expect(plan.drop).toEqual(['a']);
    expect(names(plan)).toEqual(['a']);
  });

  it('defers the second of two that are told apart by their uniqueness alone', () => {
    const plan = planIndexes(waitingIndexes([a, uniqueA]), [], plain);
    expect(names(plan)).toEqual(['a']);
    expect(plan.records[1]).toMatchObject({ name: 'ua', state: 'deferred' });
    const later = planIndexes(plan.records.slice(1), [ID], plain);
    expect(names(later)).toEqual(['ua']);
  });

  it('does not touch what is built, skipped or blocked', () => {
    const [record] = waitingIndexes([a]);
    for (const state of ['built', 'blocked', 'skipped'] as const) {
      const plan = planIndexes([{ ...record!, state }], [], plain);
      expect(plan).toMatchObject({ create: [], drop: [], records: [{ state }] });
    }
  });
});
