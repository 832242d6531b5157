import { DEFAULT_RETRY, type RetryOptions, type RetryPolicy, retry } from '../base/retry.ts';
import type { CallOptions } from '../bucket/bucket.ts';

/** The options of every reader and writer of a log. */
export interface LogOptions {
  readonly signal?: AbortSignal | undefined;
  /** For transient failures of single calls to the bucket; two minutes by default. */
  readonly retryPolicy?: RetryPolicy | undefined;
  /** Called before each wait, for a log line. */
  readonly onRetry?: RetryOptions['onRetry'];
}

/**
 * Makes one call to the bucket and retries it as a whole. The call gets the options to pass on to
 * the bucket.
 */
export function retried<T>(call: (options: CallOptions) => Promise<T>, options: LogOptions): Promise<T> {
  const { signal, retryPolicy = DEFAULT_RETRY, onRetry } = options;
  return retry((_attempt, budget) => call({ signal, budget }), retryPolicy, { signal, onRetry });
}
