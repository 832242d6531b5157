import { noTrouble } from '@waybill/shared/base/write-trouble';
import { expect, it } from 'vitest';
import type { ProgressDocument } from '../target/progress-store.ts';
import { retryingOf, troubleFields } from './trouble.ts';

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
