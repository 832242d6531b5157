import { hasCode } from '../base/errors.ts';
import { type RetryPolicy, retry } from '../base/retry.ts';
import type { CallOptions, GetOptions, ObjectReader } from './bucket.ts';

/** A second or two; after that, the object is missing. */
const LATE_POLICY: RetryPolicy = {
  initialMs: 50,
  maxMs: 1000,
  factor: 2,
  jitter: 0.5,
  maxAttempts: 6,
  maxElapsedMs: 5000,
};

/**
 * For an object that must be there, because a commit names it. A store, or a cache in front of it,
 * may still say for a moment that it is missing. So look again before believing that. Other errors
 * come through at once.
 */
export function lookedForAgain<T>(call: () => Promise<T>, { signal, budget }: CallOptions): Promise<T> {
  const retryable = (error: unknown): boolean => hasCode(error, 'BUCKET_OBJECT_MISSING');
  return retry(call, LATE_POLICY, { signal, budget, retryable });
}

/** @throws BUCKET_OBJECT_MISSING where it stays missing */
export function getKnown(bucket: ObjectReader, key: string, options: GetOptions): Promise<Buffer> {
  return lookedForAgain(() => bucket.get(key, options), options);
}
