/**
 * A bucket of Google Cloud Storage. Keys are names of objects below the prefix; the store keeps
 * them in the contract's order.
 */

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
import { assertPrefix } from '../key.ts';
import type { GcsClient } from './client.ts';
import { bucketMissing } from './error.ts';
import { asked, ListPage, objectInfo, objectName, objectPath, objectsPath, type Place } from './object.ts';
import { putObject } from './put.ts';
import { readPieces, readWhole } from './read.ts';
import { isBucketMissing } from './refusal.ts';
import { parsed, readObject } from './resource.ts';

/** The most that the store gives at once. */
const PAGE_OBJECTS = '1000';

export interface GcsBucketOptions {
  readonly url: string;
  readonly place: Place;
  readonly client: GcsClient;
  readonly onClose: () => void;
}

export class GcsBucket implements Bucket {
  readonly url: string;
  readonly #place: Place;
  readonly #client: GcsClient;
  readonly #onClose: () => void;

  constructor({ url, place, client, onClose }: GcsBucketOptions) {
    this.url = url;
    this.#place = place;
    this.#client = client;
    this.#onClose = onClose;
  }

  async put(
    key: string,
    body: Uint8Array | AsyncIterable<Uint8Array>,
    options: PutOptions = {},
  ): Promise<void> {
    await putObject(this.#client, this.#place, key, body, options);
  }

  async get(key: string, options: GetOptions = {}): Promise<Buffer> {
    return readWhole(this.#client, this.#place, key, options);
  }

  stream(key: string, options: GetOptions = {}): AsyncIterable<Buffer> {
    return readPieces(this.#client, this.#place, key, options);
  }

  async head(key: string, options: CallOptions = {}): Promise<ObjectInfo | null> {
    const about = asked(this.#place, 'read', key);
    const found = await readObject(this.#client, this.#place, objectName(this.#place, key), about, options);
    return found && objectInfo(key, found);
  }

  /** The store begins with `startOffset` itself and the contract after it. */
  async *list(prefix: string, options: ListOptions = {}): AsyncGenerator<ObjectInfo> {
    assertPrefix(prefix);
    const { prefix: root } = this.#place;
    const { startAfter, signal } = options;
    const about = asked(this.#place, 'list', prefix);
    const path = objectsPath(this.#place);
    let pageToken: string | undefined;
    do {
      throwIfAborted(signal);
      const query = {
        prefix: root + prefix || undefined,
        startOffset: startAfter ? root + startAfter : undefined,
        pageToken,
        maxResults: PAGE_OBJECTS,
        fields: 'nextPageToken,items(name,size,timeCreated)',
      };
      const answer = await this.#client.call({ asked: about, method: 'GET', path, query }, [], options);
      const page = parsed(ListPage, answer, about);
      for (const item of page.items ?? []) {
        const key = item.name.slice(root.length);
        // A marker of a folder, as consoles make them, is no key of ours.
        if (key !== startAfter && key !== '' && !key.endsWith('/')) yield objectInfo(key, item);
      }
      pageToken = page.nextPageToken;
    } while (pageToken);
  }

  async delete(key: string, options: CallOptions = {}): Promise<void> {
    const about = asked(this.#place, 'delete', key);
    const path = objectPath(this.#place, objectName(this.#place, key));
    const answer = await this.#client.call({ asked: about, method: 'DELETE', path }, [404], options);
    if (isBucketMissing(answer)) throw bucketMissing(about);
  }

  /**
   * None: an upload that never ended costs nothing, is shown to nobody, and is forgotten by the
   * store after a week.
   */
  async removeUnfinished(_prefix: string, { signal }: UnfinishedOptions): Promise<number> {
    throwIfAborted(signal);
    return 0;
  }

  async close(): Promise<void> {
    this.#onClose();
  }
}
