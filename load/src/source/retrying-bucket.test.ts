import { hasCode, WaybillError } from '@waybill/shared/base/errors';
import { RetryBudget } from '@waybill/shared/base/retry';
import { FaultyBucket } from '@waybill/test/support/bucket/faulty-bucket';
import { MemoryBucket } from '@waybill/test/support/segment/testing';
import { expect, it } from 'vitest';
import { RetryingBucket } from './retrying-bucket.ts';

/** Its store is away for the first two calls. */
async function awayTwice() {
  let calls = 0;
  const store = new MemoryBucket();
  await store.put('key', Buffer.from('here'));
  const faulty = new FaultyBucket(store, ({ moment }) => {
    if (moment === 'before' && ++calls <= 2) throw new WaybillError('BUCKET_UNAVAILABLE', 'away');
  });
  const told: number[] = [];
  const bucket = new RetryingBucket(faulty, (_error, attempt) => told.push(attempt));
  return { bucket, told, calls: () => calls };
}

it('repeats a read that fails, and tells of it', async () => {
  const { bucket, told } = await awayTwice();
  expect(String(await bucket.get('key'))).toBe('here');
  expect(told).toEqual([1, 2]);
});

it('leaves a call to the caller that repeats it', async () => {
  const { bucket, told, calls } = await awayTwice();
  const error: unknown = await bucket.get('key', { budget: new RetryBudget(60_000) }).catch((e) => e);
  expect(hasCode(error, 'BUCKET_UNAVAILABLE')).toBe(true);
  expect([told.length, calls()]).toEqual([0, 1]);
});
