/**
 * S3, and what speaks it. Each concern has a file: putting, reading, listing, multipart uploads,
 * errors.
 */
import { DeleteObjectCommand, HeadObjectCommand, ListObjectsV2Command } from '@aws-sdk/client-s3';
import { throwIfAborted } from '../../base/lifecycle.ts';
import type {
  Bucket,
  CallOptions,
  GetOptions,
  ListOptions,
  ObjectInfo,
  PutOptions,
  UnfinishedOptions,
} from '../bucket.ts';
import { assertKey, assertPrefix, keyInvalid } from '../key.ts';
import type { S3Calls } from './calls.ts';
import { faultOf, s3Error } from './error.ts';
import { listObjects } from './list.ts';
import { putObject } from './put.ts';
import { openReading } from './read.ts';
import { abortOldUploads } from './unfinished.ts';

/** Of a whole key, prefix included. */
const KEY_BYTES = 1024;

export class S3Bucket implements Bucket {
  readonly url: string;
  unfenced: boolean | undefined;
  readonly #calls: S3Calls;
  /**
   * Known to be there: an answer of "no such object" to HEAD does not say whether there is a
   * bucket.
   */
  #isThere = false;

  constructor(calls: S3Calls, url: string) {
    this.#calls = calls;
    this.url = url;
  }

  async put(
    key: string,
    body: Uint8Array | AsyncIterable<Uint8Array>,
    options: PutOptions = {},
  ): Promise<void> {
    this.#assertKey(key);
    throwIfAborted(options.signal);
    await putObject(this.#calls, key, body, { ...options, unfenced: this.unfenced === true });
  }

  async get(key: string, options: GetOptions = {}): Promise<Buffer> {
    this.#assertKey(key);
    const { length, pieces } = await openReading(this.#calls, key, options);
    const whole = Buffer.allocUnsafeSlow(length);
    let at = 0;
    for await (const piece of pieces) at += piece.copy(whole, at);
    return whole;
  }

  async *stream(key: string, options: GetOptions = {}): AsyncGenerator<Buffer> {
    this.#assertKey(key);
    yield* (await openReading(this.#calls, key, options)).pieces;
  }

  async head(key: string, options: CallOptions = {}): Promise<ObjectInfo | null> {
    this.#assertKey(key);
    try {
      const found = await this.#calls.send(new HeadObjectCommand(this.#calls.at(key)), options);
      this.#isThere = true;
      return { key, bytes: found.ContentLength ?? 0, modifiedAt: found.LastModified?.getTime() ?? 0 };
    } catch (error) {
      if (options.signal?.aborted || faultOf(error).status !== 404)
        throw s3Error(error, 'look for', key, this.#calls.place);
    }
    await this.#assertBucket(key, options);
    return null;
  }

  list(prefix: string, options: ListOptions = {}): AsyncIterable<ObjectInfo> {
    assertPrefix(prefix);
    return listObjects(this.#calls, prefix, options);
  }

  async delete(key: string, options: CallOptions = {}): Promise<void> {
    this.#assertKey(key);
    try {
      await this.#calls.send(new DeleteObjectCommand(this.#calls.at(key)), options);
    } catch (error) {
      if (!options.signal?.aborted && faultOf(error).name === 'NoSuchKey') return;
      throw s3Error(error, 'delete', key, this.#calls.place);
    }
  }

  removeUnfinished(prefix: string, options: UnfinishedOptions): Promise<number> {
    assertPrefix(prefix);
    return abortOldUploads(this.#calls, prefix, options);
  }

  async close(): Promise<void> {
    this.#calls.close();
  }

  #assertKey(key: string): void {
    assertKey(key);
    if (Buffer.byteLength(this.#calls.prefix + key) > KEY_BYTES)
      throw keyInvalid(key, `with the prefix it is longer than ${KEY_BYTES} bytes`);
  }

  /** Once. @throws BUCKET_MISSING */
  async #assertBucket(key: string, options: CallOptions): Promise<void> {
    if (this.#isThere) return;
    const one = new ListObjectsV2Command({
      ...this.#calls.inBucket(),
      Prefix: this.#calls.prefix,
      MaxKeys: 1,
    });
    await this.#calls.send(one, options).catch((error: unknown) => {
      throw s3Error(error, 'look for', key, this.#calls.place);
    });
    this.#isThere = true;
  }
}
