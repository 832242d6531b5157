import { expect, test } from 'vitest';
import { WaybillError } from '../base/errors.ts';
import type { Bucket } from './bucket.ts';
import { getKnown } from './known-object.ts';

/** Gives the object once it has been asked for so many times. */
function late(looks: number, error: WaybillError): { bucket: Bucket; asked: () => number } {
  let asked = 0;
  const get = async (): Promise<Buffer> => {
    asked += 1;
    if (asked > looks) return Buffer.from('here');
    throw error;
  };
  return { bucket: { get } as unknown as Bucket, asked: () => asked };
}

const missing = new WaybillError('BUCKET_OBJECT_MISSING', 'not there');

test('an object that a commit names is asked for again, and believed to be missing in the end', async () => {
  expect((await getKnown(late(3, missing).bucket, 'k', {})).toString()).toBe('here');
  await expect(getKnown(late(100, missing).bucket, 'k', {})).rejects.toBe(missing);
});

test('other failures come through at once', async () => {
  const denied = new WaybillError('BUCKET_ACCESS_DENIED', 'no');
  const { bucket, asked } = late(1, denied);
  await expect(getKnown(bucket, 'k', {})).rejects.toBe(denied);
  expect(asked()).toBe(1);
});
