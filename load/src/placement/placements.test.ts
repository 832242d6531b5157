import { buildDocument, int32 } from '@waybill/shared/bson/build';
import { expect, it } from 'vitest';
import { Placements } from './placements.ts';

const pattern = buildDocument([['region', int32(1)]]);
const key = { fields: ['region'], pattern, version: 'one' };

it('knows a collection that is asked for while the others are read again', async () => {
  const answer = Promise.withResolvers<void>();
  let isHeld = false;
  const shardKeys = async (namespaces: readonly string[]) => {
    if (isHeld && !namespaces.includes('shop.late')) await answer.promise;
    return new Map(namespaces.map((namespace) => [namespace, key]));
  };
  const ownership = { held: async () => undefined };
  const { signal } = new AbortController();
  const placements = new Placements({ target: { shardKeys }, ownership, signal });
  await placements.of('shop.orders');
  isHeld = true;
  const refreshing = placements.refresh();
  const late = await placements.of('shop.late');
  answer.resolve();
  await refreshing;
  expect(late.paths).toHaveLength(1);
  expect(placements.changes).toBe(0);
});
