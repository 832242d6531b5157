import { noTrouble } from '@waybill/shared/base/write-trouble';
import { expect, it } from 'vitest';
import type { ProgressDocument } from '../target/progress-store.ts';
import { conflictsOf, retryingOf, troubleFields } from './trouble.ts';

it('tells the oldest batch that is tried again, and nothing of a load that nobody runs', () => {
  const trouble = noTrouble();
  const owner = (more: object = {}): ProgressDocument => ({
    _id: 'x/owner',
    ...troubleFields(trouble),
    ...more,
  });
  expect(retryingOf(owner())).toBeNull();
  trouble.retried.set({}, { since: 2000, kind: 'split', reason: 'younger' });
  trouble.retried.set({}, { since: 1000, kind: 'transient', reason: 'older' });
  const retrying = { since: '1970-01-01T00:00:01.000Z', kind: 'transient', reason: 'older' };
  expect(retryingOf(owner())).toEqual(retrying);
  expect(retryingOf(owner({ released: true }))).toBeNull();
  expect(retryingOf(null)).toBeNull();
});

it('tells the unique indexes that kept most documents out, while somebody runs the load', () => {
  const trouble = noTrouble();
  for (let met = 1; met <= 30; met++) {
    trouble.conflicts.set(`a.b ${met}`, { namespace: 'a.b', index: `i${met}`, met, solved: 0, refused: 0 });
  }
  const owner = { _id: 'x/owner', ...troubleFields(trouble) };
  expect(conflictsOf(owner)).toHaveLength(20);
  expect(conflictsOf(owner)[0]).toEqual(trouble.conflicts.get('a.b 30'));
  expect(conflictsOf({ ...owner, released: true })).toEqual([]);
  expect(conflictsOf({ _id: 'x/owner' })).toEqual([]);
  expect(conflictsOf(null)).toEqual([]);
});
