import type {
  Bucket,
  CallOptions,
  GetOptions,
  ListOptions,
  ObjectInfo,
  PutOptions,
  UnfinishedOptions,
} from '@waybill/shared/bucket/bucket';
import { DEFAULT_RETRY, type RetryOptions, retry } from '@waybill/shared/retry';

/** A bucket whose reads of single objects are tried again after transient failures. Everything else as it is. */
export class RetryingBucket implements Bucket {
  readonly #bucket: Bucket;
  readonly #onRetry: RetryOptions['onRetry'];

  constructor(bucket: Bucket, onRetry: RetryOptions['onRetry']) {
    this.#bucket = bucket;
    this.#onRetry = onRetry;
  }

  get url(): string {
    return this.#bucket.url;
  }

  get unfenced(): boolean | undefined {
    return this.#bucket.unfenced;
  }

  get(key: string, options?: GetOptions): Promise<Buffer> {
    const { signal } = options ?? {};
    return retry(() => this.#bucket.get(key, options), DEFAULT_RETRY, { signal, onRetry: this.#onRetry });
  }

  head(key: string, options?: CallOptions): Promise<ObjectInfo | null> {
    const { signal } = options ?? {};
    return retry(() => this.#bucket.head(key, options), DEFAULT_RETRY, { signal, onRetry: this.#onRetry });
  }

  put(key: string, body: Uint8Array | AsyncIterable<Uint8Array>, options?: PutOptions): Promise<void> {
    return this.#bucket.put(key, body, options);
  }

  stream(key: string, options?: GetOptions): AsyncIterable<Buffer> {
    return this.#bucket.stream(key, options);
  }

  list(prefix: string, options?: ListOptions): AsyncIterable<ObjectInfo> {
    return this.#bucket.list(prefix, options);
  }

  delete(key: string, options?: CallOptions): Promise<void> {
    return this.#bucket.delete(key, options);
  }

  removeUnfinished(prefix: string, options: UnfinishedOptions): Promise<number> {
    return this.#bucket.removeUnfinished(prefix, options);
  }

  close(): Promise<void> {
    return this.#bucket.close();
  }
}
