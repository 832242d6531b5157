import { hasCode } from '../../base/errors.ts';
import { type RetryOptions, type RetryPolicy, retry } from '../../base/retry.ts';

/** There is no pause: the copy that came is wrong, not the store. */
const ONCE_MORE: RetryPolicy = {
  initialMs: 0,
  maxMs: 0,
  factor: 1,
  jitter: 0,
  maxAttempts: 2,
  maxElapsedMs: Number.POSITIVE_INFINITY,
};

export interface ReadAgainOptions {
  readonly signal?: AbortSignal | undefined;
  /** Called before the second read, for a log line. */
  readonly onRetry?: RetryOptions['onRetry'];
}

/**
 * Reads a second time if the first read is damaged. A proxy or a cache can damage an object on its
 * way, and then a second read is whole. If the object is damaged in the store, the second read is
 * damaged too. So there is exactly one second read, and its result stands. `read` must ask the
 * store each time. It must throw SEGMENT_CORRUPT or FORMAT_UNSUPPORTED at bytes that cannot be
 * right.
 */
export function readAgain<T>(read: () => Promise<T>, { signal, onRetry }: ReadAgainOptions): Promise<T> {
  const retryable = (error: unknown): boolean => hasCode(error, 'SEGMENT_CORRUPT', 'FORMAT_UNSUPPORTED');
  return retry(read, ONCE_MORE, { signal, onRetry, retryable });
}
