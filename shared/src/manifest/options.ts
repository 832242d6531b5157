import { DEFAULT_RETRY, type RetryOptions, type RetryPolicy, retry } from '../base/retry.ts';

/** What every reader and writer of a log takes. */
export interface LogOptions {
  readonly signal?: AbortSignal | undefined;
  /** For transient failures of single calls to the bucket; default two minutes. */
  readonly retryPolicy?: RetryPolicy | undefined;
  /** Before each wait, for a log line. */
  readonly onRetry?: RetryOptions['onRetry'];
}

export function retried<T>(call: () => Promise<T>, options: LogOptions): Promise<T> {
  const { signal, retryPolicy = DEFAULT_RETRY, onRetry } = options;
  return retry(call, retryPolicy, { signal, onRetry });
}
