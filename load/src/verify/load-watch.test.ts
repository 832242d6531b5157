import { clusterTime, formatClusterTime } from '@waybill/shared/base/position';
import { describe, expect, test } from 'vitest';
import type { ProgressDocument, ProgressStore } from '../target/progress-store.ts';
import { indexKey, LoadWatch, optionKey } from './load-watch.ts';

const { signal } = new AbortController();
const owner = (more: Partial<ProgressDocument> = {}): ProgressDocument => ({
  _id: 'l/owner',
  stream: 'one',
  epoch: 1,
  leaseMs: 5000,
  released: false,
  confirmedAt: new Date(1),
  ...more,
});
const lane = (number: number, seconds: number | null): ProgressDocument => ({
  _id: `l/lane/000${number}`,
  clusterTime: seconds === null ? null : formatClusterTime(clusterTime(seconds, 1)),
});

/** What stands on a target, as a load there would have written it. */
function watch(...documents: readonly ProgressDocument[]): LoadWatch {
  const store: ProgressStore = {
    namespace: 'waybill.progress',
    contents: async () => 'ours',
    find: async (prefix) => documents.filter(({ _id }) => _id.startsWith(prefix)),
    holders: async () => [],
    update: async () => 0,
    remove: async () => undefined,
  };
  return new LoadWatch(store, 'l', 'one');
}

const look = (...documents: readonly ProgressDocument[]) => watch(...documents).look(signal);

test('how far a load is with its indexes, and what the target refuses, is told of this load alone', async () => {
  const empty = Buffer.from([5, 0, 0, 0, 0]);
  const collection: ProgressDocument = {
    _id: 'l/collection/shop.a',
    namespace: 'shop.a',
    indexes: [
      { name: 'built', spec: empty, state: 'built', note: null },
      { name: 'unwanted', spec: empty, state: 'left-out', note: 'for a reason' },
      { name: 'refused', spec: empty, state: 'blocked', note: 'no such index' },
    ],
    blocked: [{ option: 'validator', reason: 'no such operator' }],
  };
  const { states, blocked } = await watch(owner(), collection).structure(signal);
  expect([...states]).toEqual([
    [indexKey('shop.a', 'built'), 'built'],
    [indexKey('shop.a', 'unwanted'), 'left-out'],
    [indexKey('shop.a', 'refused'), 'blocked'],
  ]);
  expect([...blocked]).toEqual([
    [optionKey('shop.a', 'validator'), 'no such operator'],
    [indexKey('shop.a', 'refused'), 'no such index'],
  ]);
  const foreign = await watch(owner({ stream: 'two' }), collection).structure(signal);
  expect(foreign.states.size + foreign.blocked.size).toBe(0);
});

describe('a load seen from outside', () => {
  test('runs as long as it may, and has applied what its slowest lane has', async () => {
    const sight = await look(owner(), lane(0, 9), lane(1, 7));
    expect(sight).toMatchObject({ owner: 'ours', runs: true, applied: clusterTime(7, 1) });
  });

  test('has applied nothing that counts before all lanes have', async () => {
    expect(await look(owner(), lane(0, 9), lane(1, null))).toMatchObject({ applied: null });
    expect(await look(owner())).toMatchObject({ applied: null });
  });

  test('does not run where it said that it has stopped, where there is none, or where it is of another stream', async () => {
    expect(await look(owner({ released: true }), lane(0, 9))).toMatchObject({ owner: 'ours', runs: false });
    expect(await look()).toMatchObject({ owner: 'none', runs: false });
    expect(await look(owner({ stream: 'two' }))).toMatchObject({ owner: 'foreign', runs: false });
  });
});
