import type { Bucket } from '@waybill/shared/bucket/bucket';
import { sleep, throwIfAborted } from '@waybill/shared/lifecycle';
import type { ChainedCommit } from '@waybill/shared/manifest/codec';
import { type LogPoint, readCommits } from '@waybill/shared/manifest/log';

/** A commit of the stream, or the news that there was none after `seq` a moment ago. */
export type FeedItem = { readonly kind: 'commit'; readonly next: ChainedCommit } | HeadReached;

export interface HeadReached {
  readonly kind: 'head';
  readonly seq: number;
}

export interface FeedOptions {
  readonly after: LogPoint;
  readonly pollMs: number;
  readonly signal: AbortSignal;
}

/**
 * The stream's commits in order, each checked against the one before it, then each new one as it comes. `head` comes
 * whenever the end is reached: with nothing more to wait for, what was gathered can be applied.
 */
export async function* feed(
  bucket: Bucket,
  streamPrefix: string,
  options: FeedOptions,
): AsyncGenerator<FeedItem, never> {
  const { pollMs, signal } = options;
  let point = options.after;
  for (;;) {
    throwIfAborted(signal);
    for await (const next of readCommits(bucket, streamPrefix, { after: point, signal })) {
      point = { seq: next.commit.seq, hash: next.hash };
      yield { kind: 'commit', next };
    }
    yield { kind: 'head', seq: point.seq };
    await sleep(pollMs, signal);
  }
}
