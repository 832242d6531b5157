import { hasCode } from '../../base/errors.ts';
import { type RetryOptions, type RetryPolicy, retry } from '../../base/retry.ts';

/** Without a pause: what is wrong is the copy that came, and not the store. */
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
  /** Before the second read, for a log line. */
  readonly onRetry?: RetryOptions['onRetry'];
}

/**
 * What was damaged on its way, by a proxy or a cache that the transport did not catch, is whole
 * when it is fetched again; what is damaged where it lies is not. So there is exactly one second
 * read, and what that says stands. `read` must ask the store each time, and throw SEGMENT_CORRUPT
 * or FORMAT_UNSUPPORTED at what it cannot be.
 */
export function readAgain<T>(read: () => Promise<T>, { signal, onRetry }: ReadAgainOptions): Promise<T> {
  const retryable = (error: unknown): boolean => hasCode(error, 'SEGMENT_CORRUPT', 'FORMAT_UNSUPPORTED');
  return retry(read, ONCE_MORE, { signal, onRetry, retryable });
}
