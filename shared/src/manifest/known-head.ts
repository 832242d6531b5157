/**
 * Checks that the last commit that a process made or read still exists. If it does not, the bucket
 * was put back to an older state, or another bucket is in its place. A further commit would then
 * lie behind a hole. A reader that waits for the next commit would think that the stream is at
 * rest.
 *
 * A folder is checked each time. In a cloud each look is billed, and no mount goes away. There, one
 * look a minute is enough to end a process whose bucket was put back, and the fold of every reader
 * reports the hole.
 */

import { hasCode, WaybillError } from '../base/errors.ts';
import type { Bucket, CallOptions } from '../bucket/bucket.ts';
import { corrupt } from './codec.ts';
import { commitKey } from './keys.ts';
import { sha256 } from './sealed-json.ts';

const LOOK_MS = 60_000;

/** Number and hash of a commit; `{seq: 0, hash: null}` before the first. */
export interface LogPoint {
  readonly seq: number;
  readonly hash: string | null;
}

export class KnownHead {
  readonly #bucket: Bucket;
  readonly #prefix: string;
  #lookedAt = performance.now();

  constructor(bucket: Bucket, prefix: string) {
    this.#bucket = bucket;
    this.#prefix = prefix;
  }

  /**
   * Looks once, if a look is due.
   * @throws BUCKET_UNAVAILABLE, transient, if the commit is gone; MANIFEST_CORRUPT if another one
   *   has its number
   */
  async assertStands({ seq, hash }: LogPoint, options: CallOptions): Promise<void> {
    if (seq === 0 || !this.#isDue()) return;
    const key = commitKey(this.#prefix, seq);
    const bytes = await this.#bucket.get(key, options).catch((error: unknown) => {
      throw hasCode(error, 'BUCKET_OBJECT_MISSING') ? this.#gone(seq, error) : error;
    });
    if (sha256(bytes) !== hash) {
      throw corrupt(`commit ${seq}`, 'it is another one than this process has made or read before', key);
    }
    this.#lookedAt = performance.now();
  }

  #isDue(): boolean {
    return this.#bucket.looksAreFree === true || performance.now() - this.#lookedAt >= LOOK_MS;
  }

  #gone(seq: number, cause: unknown): WaybillError {
    return new WaybillError(
      'BUCKET_UNAVAILABLE',
      `commit ${seq} of ${this.#prefix} was in ${this.#bucket.url} and is not there any more`,
      {
        hint: 'The bucket was put back to an older state, or is not mounted. Bring back what was there, then run the same command again; a capture that is started again goes on from what there is.',
        context: { prefix: this.#prefix, seq },
        cause,
      },
    );
  }
}
