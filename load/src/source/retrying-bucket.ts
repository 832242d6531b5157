import { DEFAULT_RETRY, type RetryBudget, type RetryOptions, retry } from '@waybill/shared/base/retry';
import type { Bucket, CallOptions, GetOptions, ObjectInfo } from '@waybill/shared/bucket/bucket';
import { WrappedBucket } from './wrapped-bucket.ts';

/**
 * A bucket that repeats reads of single objects after transient failures, and nothing else. A
 * caller that retries too passes its budget, and both keep to it.
 */
export class RetryingBucket extends WrappedBucket {
  readonly #onRetry: RetryOptions['onRetry'];

  constructor(bucket: Bucket, onRetry: RetryOptions['onRetry']) {
    super(bucket);
    this.#onRetry = onRetry;
  }

  override get(key: string, options?: GetOptions): Promise<Buffer> {
    const call = (_attempt: number, budget: RetryBudget) => super.get(key, { ...options, budget });
    return retry(call, DEFAULT_RETRY, { ...options, onRetry: this.#onRetry });
  }

  override head(key: string, options?: CallOptions): Promise<ObjectInfo | null> {
    const call = (_attempt: number, budget: RetryBudget) => super.head(key, { ...options, budget });
    return retry(call, DEFAULT_RETRY, { ...options, onRetry: this.#onRetry });
  }
}
