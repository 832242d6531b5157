import { WrappedBucket } from '@waybill/load/source/wrapped-bucket';
import type { Bucket, CallOptions, GetOptions, ObjectInfo, PutOptions } from '@waybill/shared/bucket/bucket';

export interface BucketCall {
  readonly operation: 'put' | 'get' | 'head' | 'delete';
  readonly key: string;
  /** `after`: it has happened, and what the hook throws is what the caller sees instead. */
  readonly moment: 'before' | 'after';
}

/**
 * For tests: a bucket with a hook around every call of one object, which may throw, wait or look.
 */
export class FaultyBucket extends WrappedBucket {
  readonly #hook: (call: BucketCall) => void | Promise<void>;

  constructor(inner: Bucket, hook: (call: BucketCall) => void | Promise<void>) {
    super(inner);
    this.#hook = hook;
  }

  override put(
    key: string,
    body: Uint8Array | AsyncIterable<Uint8Array>,
    options?: PutOptions,
  ): Promise<void> {
    return this.#around('put', key, () => super.put(key, body, options));
  }

  override get(key: string, options?: GetOptions): Promise<Buffer> {
    return this.#around('get', key, () => super.get(key, options));
  }

  override async *stream(key: string, options?: GetOptions): AsyncGenerator<Buffer> {
    await this.#hook({ operation: 'get', key, moment: 'before' });
    yield* super.stream(key, options);
    await this.#hook({ operation: 'get', key, moment: 'after' });
  }

  override head(key: string, options?: CallOptions): Promise<ObjectInfo | null> {
    return this.#around('head', key, () => super.head(key, options));
  }

  override delete(key: string, options?: CallOptions): Promise<void> {
    return this.#around('delete', key, () => super.delete(key, options));
  }

  async #around<T>(operation: BucketCall['operation'], key: string, call: () => Promise<T>): Promise<T> {
    await this.#hook({ operation, key, moment: 'before' });
    const result = await call();
    await this.#hook({ operation, key, moment: 'after' });
    return result;
  }
}
