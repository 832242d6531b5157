import type { Bucket } from '@waybill/shared/bucket/bucket';
import { sleep, throwIfAborted } from '@waybill/shared/lifecycle';
import type { ChainedCommit } from '@waybill/shared/manifest/codec';
import { type LogPoint, readCommits } from '@waybill/shared/manifest/log';
import { PollRhythm } from './poll-rhythm.ts';

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
  const rhythm = new PollRhythm(pollMs);
  let point = options.after;
  for (;;) {
    throwIfAborted(signal);
    const before = point.seq;
    for await (const next of readCommits(bucket, streamPrefix, { after: point, signal })) {
      point = { seq: next.commit.seq, hash: next.hash };
      yield { kind: 'commit', next };
    }
    const lookedAt = performance.now();
    yield { kind: 'head', seq: point.seq };
    if (point.seq > before) rhythm.found(point.seq - before, lookedAt);
    await sleep(rhythm.pauseMs(performance.now()), signal);
  }
}
