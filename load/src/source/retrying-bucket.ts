import { DEFAULT_RETRY, type RetryOptions, retry } from '@waybill/shared/base/retry';
import type { Bucket, CallOptions, GetOptions, ObjectInfo } from '@waybill/shared/bucket/bucket';
import { WrappedBucket } from '@waybill/shared/bucket/wrapped-bucket';

/**
 * A bucket whose reads of single objects are tried again after transient failures. Everything else
 * as it is.
 */
export class RetryingBucket extends WrappedBucket {
  readonly #onRetry: RetryOptions['onRetry'];

  constructor(bucket: Bucket, onRetry: RetryOptions['onRetry']) {
    super(bucket);
    this.#onRetry = onRetry;
  }

  override get(key: string, options?: GetOptions): Promise<Buffer> {
    const { signal } = options ?? {};
    return retry(() => super.get(key, options), DEFAULT_RETRY, { signal, onRetry: this.#onRetry });
  }

  override head(key: string, options?: CallOptions): Promise<ObjectInfo | null> {
    const { signal } = options ?? {};
    return retry(() => super.head(key, options), DEFAULT_RETRY, { signal, onRetry: this.#onRetry });
  }
}
