import { DEFAULT_RETRY, type RetryOptions, type RetryPolicy, retry } from '../base/retry.ts';
import type { CallOptions } from '../bucket/bucket.ts';

/** What every reader and writer of a log takes. */
export interface LogOptions {
  readonly signal?: AbortSignal | undefined;
  /** For transient failures of single calls to the bucket; default two minutes. */
  readonly retryPolicy?: RetryPolicy | undefined;
  /** Before each wait, for a log line. */
  readonly onRetry?: RetryOptions['onRetry'];
}

/** One call to the bucket, tried again as a whole. It gets what to pass on to the bucket. */
export function retried<T>(call: (options: CallOptions) => Promise<T>, options: LogOptions): Promise<T> {
  const { signal, retryPolicy = DEFAULT_RETRY, onRetry } = options;
  return retry((_attempt, budget) => call({ signal, budget }), retryPolicy, { signal, onRetry });
}
