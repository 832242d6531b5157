import type {
  Bucket,
  CallOptions,
  GetOptions,
  ListOptions,
  ObjectInfo,
  PutOptions,
  UnfinishedOptions,
} from '@waybill/shared/bucket/bucket';

/** A bucket that hands every call on. Extend it to do something about some of them. */
export class WrappedBucket implements Bucket {
  protected readonly inner: Bucket;

  constructor(inner: Bucket) {
    this.inner = inner;
  }

  get url(): string {
    return this.inner.url;
  }

  get unfenced(): boolean | undefined {
    return this.inner.unfenced;
  }

  get looksAreFree(): boolean | undefined {
    return this.inner.looksAreFree;
  }

  put(key: string, body: Uint8Array | AsyncIterable<Uint8Array>, options?: PutOptions): Promise<void> {
    return this.inner.put(key, body, options);
  }

  get(key: string, options?: GetOptions): Promise<Buffer> {
    return this.inner.get(key, options);
  }

  stream(key: string, options?: GetOptions): AsyncIterable<Buffer> {
    return this.inner.stream(key, options);
  }

  head(key: string, options?: CallOptions): Promise<ObjectInfo | null> {
    return this.inner.head(key, options);
  }

  list(prefix: string, options?: ListOptions): AsyncIterable<ObjectInfo> {
    return this.inner.list(prefix, options);
  }

  delete(key: string, options?: CallOptions): Promise<void> {
    return this.inner.delete(key, options);
  }

  removeUnfinished(prefix: string, options: UnfinishedOptions): Promise<number> {
    return this.inner.removeUnfinished(prefix, options);
  }

  close(): Promise<void> {
    return this.inner.close();
  }
}
