import { DEFAULT_RETRY, type RetryOptions, type RetryPolicy, retry } from '../retry.ts';

/** What every reader and writer of a log takes. */
export interface LogOptions {
  readonly signal?: AbortSignal | undefined;
  /** For transient failures of single calls to the bucket; default two minutes. */
  readonly retryPolicy?: RetryPolicy | undefined;
  /** Before each wait, for a log line. */
  readonly onRetry?: RetryOptions['onRetry'];
}

/** For an object that is known to be there and does not seem to be: a second or two, then it is missing. */
export const LATE_OBJECT_RETRY: RetryPolicy = {
  initialMs: 50,
  maxMs: 1000,
  factor: 2,
  jitter: 0.5,
  maxAttempts: 6,
  maxElapsedMs: 5000,
};

export function retried<T>(call: () => Promise<T>, options: LogOptions): Promise<T> {
  const { signal, retryPolicy = DEFAULT_RETRY, onRetry } = options;
  return retry(call, retryPolicy, { signal, onRetry });
}
