/** The way of a stream: the snapshot, then caught up. */

import { abortable } from '@waybill/shared/base/lifecycle';
import type { ClusterTime } from '@waybill/shared/base/position';
import { milestoneOf } from '@waybill/shared/manifest/state';
import { bucketRetryNotice } from '../commit/bucket-retry.ts';
import { milestone } from '../commit/milestone.ts';
import { RateLimit } from '../snapshot/rate-limit.ts';
import { runSnapshot } from '../snapshot/snapshot.ts';
import { sourceTime } from '../source/source-clock.ts';
import type { RunParts } from './parts.ts';

/** A milestone that `until` may name. */
export type Ending = 'snapshot-completed' | 'caught-up';

/** Gives the milestone of `until`, with which the capture ends; null if it goes on. */
export async function snapshotThenMilestones(parts: RunParts): Promise<Ending | null> {
  const { until } = parts.settings;
  const { stats } = parts.deps;
  const { committer } = parts.stream;
  let reaching: Promise<ClusterTime> | undefined;
  if (!milestoneOf(committer.state, 'snapshot-completed')) {
    stats.phase = 'snapshot';
    await snapshot(parts, () => {
      // Everything in the snapshot has happened by now: the proof need not wait for its last
      // segments.
      reaching = reachNow(parts);
      reaching.catch(() => undefined);
    });
  }
  stats.phase = 'changes';
  const time = await (reaching ?? reachNow(parts));
  // The files up to here make a consistent whole: the snapshot, and all that happened while it was
  // read.
  if (until === 'snapshot-completed') return until;
  // Whoever ends here may load, verify and switch without a running capture.
  const { listing, tellsOfStructure } = parts.tailing;
  if (until === 'caught-up' && !tellsOfStructure) await listing.run();
  if (!milestoneOf(committer.state, 'caught-up')) {
    await committer.commit({ milestones: [milestone('caught-up', time, committer.state.lastSequence)] });
  }
  return until === 'caught-up' ? until : null;
}

function snapshot({ settings, deps, stream, stop, abort }: RunParts, onAllRead: () => void): Promise<void> {
  return runSnapshot({
    connection: deps.source,
    committer: stream.committer,
    bucket: deps.bucket,
    prefix: stream.prefix,
    epoch: stream.writer.epoch,
    identity: stream.identity,
    filter: stream.filter,
    level: settings.compressionLevel,
    segmentSize: settings.segmentSize,
    chunkSize: settings.chunkSize,
    readers: settings.readers,
    readPreference: settings.readPreference,
    rate: new RateLimit(settings.maxReadRate),
    t0: stream.t0,
    stats: deps.stats,
    logger: deps.logger,
    onBucketRetry: bucketRetryNotice(deps),
    onAllRead,
    stop,
    abort,
  });
}

/** Waits until everything that the source had acknowledged at the call is in the bucket. */
async function reachNow({ deps, tailing, stop }: RunParts): Promise<ClusterTime> {
  const { source, logger } = deps;
  const time = await sourceTime({ connection: source, logger, signal: stop });
  await abortable(tailing.tailer.prove(time), stop);
  return time;
}
