import { sleep, throwIfAborted } from '@waybill/shared/base/lifecycle';
import type { Bucket } from '@waybill/shared/bucket/bucket';
import type { ChainedCommit } from '@waybill/shared/manifest/codec';
import { KnownHead, type LogPoint } from '@waybill/shared/manifest/known-head';
import { type ReadCommitsOptions, readCommits } from '@waybill/shared/manifest/log';
import { EMPTY_STATE } from '@waybill/shared/manifest/state';

export interface FollowOptions extends ReadCommitsOptions {
  /** Pause between looks for a new commit, in milliseconds. */
  readonly pollMs: number;
}

/**
 * All commits after a point, and then each new one as it comes; ends only by an error or the
 * signal's reason.
 */
export async function* followManifest(
  bucket: Bucket,
  prefix: string,
  options: FollowOptions,
): AsyncGenerator<ChainedCommit, never> {
  let point: LogPoint = options.after ?? EMPTY_STATE;
  const head = new KnownHead(bucket, prefix);
  for (;;) {
    throwIfAborted(options.signal);
    point = yield* readCommits(bucket, prefix, { ...options, after: point, head });
    await sleep(options.pollMs, options.signal);
  }
}
