import { sleep, throwIfAborted } from '@waybill/shared/base/lifecycle';
import type { RetryOptions } from '@waybill/shared/base/retry';
import type { Bucket } from '@waybill/shared/bucket/bucket';
import type { ChainedCommit } from '@waybill/shared/manifest/codec';
import type { Commit } from '@waybill/shared/manifest/commit';
import { KnownHead, type LogPoint } from '@waybill/shared/manifest/known-head';
import { readCommits } from '@waybill/shared/manifest/log';
import { type PollPauses, PollRhythm } from './poll-rhythm.ts';

/** A commit of the stream, or the news that there was none after `seq` a moment ago. */
export type FeedItem = { readonly kind: 'commit'; readonly next: ChainedCommit } | HeadReached;

export interface HeadReached {
  readonly kind: 'head';
  readonly seq: number;
}

export interface FeedOptions extends PollPauses {
  readonly after: LogPoint;
  readonly onRetry: RetryOptions['onRetry'];
  readonly signal: AbortSignal;
}

/**
 * The stream's commits in order, each checked against the one before it, then each new one as it
 * comes. `head` comes whenever the end is reached: what was gathered can be applied then.
 */
export async function* feed(
  bucket: Bucket,
  streamPrefix: string,
  options: FeedOptions,
): AsyncGenerator<FeedItem, never> {
  const { signal, onRetry } = options;
  const head = new KnownHead(bucket, streamPrefix);
  const rhythm = new PollRhythm(options, performance.now());
  let point = options.after;
  for (;;) {
    throwIfAborted(signal);
    const before = point.seq;
    let changes = false;
    for await (const next of readCommits(bucket, streamPrefix, { after: point, head, onRetry, signal })) {
      point = { seq: next.commit.seq, hash: next.hash };
      changes ||= saysMore(next.commit);
      yield { kind: 'commit', next };
    }
    const lookedAt = performance.now();
    yield { kind: 'head', seq: point.seq };
    if (point.seq > before) rhythm.found(point.seq - before, changes, lookedAt);
    await sleep(rhythm.pauseMs(performance.now()), signal);
  }
}

/** Whether the commit says more than the position, which an idle stream commits all the time. */
function saysMore({ segments, chunks, collections, ddl, milestones, note }: Commit): boolean {
  return [segments, chunks, collections, ddl, milestones, note].some((part) => part !== undefined);
}
