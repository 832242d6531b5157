import { DEFAULT_RETRY, type RetryBudget, type RetryOptions, retry } from '@waybill/shared/base/retry';
import type { Bucket, CallOptions, GetOptions, ObjectInfo } from '@waybill/shared/bucket/bucket';
import { WrappedBucket } from './wrapped-bucket.ts';

/**
 * A bucket that repeats reads of single objects after transient failures, and nothing else. A call
 * with a budget comes from a caller that repeats it: it gets one attempt here, or three layers
 * (the store's client, this one, the caller) would repeat the same call.
 */
export class RetryingBucket extends WrappedBucket {
  readonly #onRetry: RetryOptions['onRetry'];

  constructor(bucket: Bucket, onRetry: RetryOptions['onRetry']) {
    super(bucket);
    this.#onRetry = onRetry;
  }

  override get(key: string, options: GetOptions = {}): Promise<Buffer> {
    return this.#repeated((call) => super.get(key, call), options);
  }

  override head(key: string, options: CallOptions = {}): Promise<ObjectInfo | null> {
    return this.#repeated((call) => super.head(key, call), options);
  }

  #repeated<O extends CallOptions, T>(read: (options: O) => Promise<T>, options: O): Promise<T> {
    if (options.budget) return read(options);
    const attempt = (_attempt: number, budget: RetryBudget) => read({ ...options, budget });
    return retry(attempt, DEFAULT_RETRY, { signal: options.signal, onRetry: this.#onRetry });
  }
}
