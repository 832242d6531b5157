import type {
  Bucket,
  CallOptions,
  GetOptions,
  ListOptions,
  ObjectInfo,
  PutOptions,
  UnfinishedOptions,
} from './bucket.ts';

export interface BucketCall {
  readonly operation: 'put' | 'get' | 'head' | 'delete';
  readonly key: string;
  /** `after`: it has happened, and what the hook throws is what the caller sees instead. */
  readonly moment: 'before' | 'after';
}

/** For tests: a bucket with a hook around every call, which may throw, wait or look. */
export class FaultyBucket implements Bucket {
  readonly #inner: Bucket;
  readonly #hook: (call: BucketCall) => void | Promise<void>;

  constructor(inner: Bucket, hook: (call: BucketCall) => void | Promise<void>) {
    this.#inner = inner;
    this.#hook = hook;
  }

  get url(): string {
    return this.#inner.url;
  }

  get unfenced(): boolean | undefined {
    return this.#inner.unfenced;
  }

  put(key: string, body: Uint8Array | AsyncIterable<Uint8Array>, options?: PutOptions): Promise<void> {
    return this.#around('put', key, () => this.#inner.put(key, body, options));
  }

  get(key: string, options?: GetOptions): Promise<Buffer> {
    return this.#around('get', key, () => this.#inner.get(key, options));
  }

  async *stream(key: string, options?: GetOptions): AsyncGenerator<Buffer> {
    await this.#hook({ operation: 'get', key, moment: 'before' });
    yield* this.#inner.stream(key, options);
    await this.#hook({ operation: 'get', key, moment: 'after' });
  }

  head(key: string, options?: CallOptions): Promise<ObjectInfo | null> {
    return this.#around('head', key, () => this.#inner.head(key, options));
  }

  list(prefix: string, options?: ListOptions): AsyncIterable<ObjectInfo> {
    return this.#inner.list(prefix, options);
  }

  delete(key: string, options?: CallOptions): Promise<void> {
    return this.#around('delete', key, () => this.#inner.delete(key, options));
  }

  removeUnfinished(prefix: string, options: UnfinishedOptions): Promise<number> {
    return this.#inner.removeUnfinished(prefix, options);
  }

  close(): Promise<void> {
    return this.#inner.close();
  }

  async #around<T>(operation: BucketCall['operation'], key: string, call: () => Promise<T>): Promise<T> {
    await this.#hook({ operation, key, moment: 'before' });
    const result = await call();
    await this.#hook({ operation, key, moment: 'after' });
    return result;
  }
}
