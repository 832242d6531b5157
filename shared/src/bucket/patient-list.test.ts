import { expect, test } from 'vitest';
import { hasCode, WaybillError } from '../base/errors.ts';
import type { Bucket, ListOptions, ObjectInfo } from './bucket.ts';
import { patientList } from './patient-list.ts';

const KEYS = ['a', 'b', 'c', 'd', 'e'];
const POLICY = { initialMs: 1, maxMs: 2, factor: 2, jitter: 0, maxAttempts: 3, maxElapsedMs: 10_000 };

/** Lists the keys, and fails before each of those named, as often as is said. */
function failing(times: Record<string, number>, error: WaybillError): Pick<Bucket, 'list'> {
  return {
    async *list(_prefix: string, { startAfter = '' }: ListOptions = {}): AsyncGenerator<ObjectInfo> {
      for (const key of KEYS.filter((each) => each > startAfter)) {
        if ((times[key] ?? 0) > 0) {
          times[key] = (times[key] ?? 0) - 1;
          throw error;
        }
        yield { key, bytes: 1, modifiedAt: 0 };
      }
    },
  };
}

const listed = async (bucket: Pick<Bucket, 'list'>): Promise<string[]> => {
  const found = await Array.fromAsync(patientList(bucket as Bucket, '', { retryPolicy: POLICY }));
  return found.map(({ key }) => key);
};

test('a list that breaks goes on where it broke, and gives each key once', async () => {
  const passing = new WaybillError('BUCKET_UNAVAILABLE', 'for a moment');
  expect(await listed(failing({ a: 2, c: 1, e: 2 }, passing))).toEqual(KEYS);
  await expect(listed(failing({ c: 3 }, passing))).rejects.toBe(passing);
});

test('what does not pass by itself comes through at once', async () => {
  const denied = new WaybillError('BUCKET_ACCESS_DENIED', 'no');
  await expect(listed(failing({ b: 1 }, denied))).rejects.toSatisfy((error) =>
    hasCode(error, 'BUCKET_ACCESS_DENIED'),
  );
});
