/**
 * The capture service: what runs when. Tailer and snapshot side by side from the start; the watch
 * over milestones beside them.
 *
 * Two ways to end: `stop` (asked for, or the milestone of `until` reached) lets everything finish
 * what it has begun; `abort` (an error anywhere, or a bucket that lets a stop that was asked for
 * wait too long) ends everything at once, and leaves what a crash would leave.
 */

import { hasCode } from '@waybill/shared/base/errors';
import { abortable, interrupted, LinkedAbort, sleep } from '@waybill/shared/base/lifecycle';
import type { Logger } from '@waybill/shared/base/logger';
import type { Metrics } from '@waybill/shared/base/metrics';
import { type ClusterTime, parseClusterTime } from '@waybill/shared/base/position';
import type { CaptureStats } from '@waybill/shared/base/stats';
import { StopGrace } from '@waybill/shared/base/stop-grace';
import type { Bucket } from '@waybill/shared/bucket/bucket';
import type { Milestone } from '@waybill/shared/manifest/commit';
import { milestoneOf } from '@waybill/shared/manifest/state';
import type { MongoConnection } from '@waybill/shared/mongo/driver/connection';
import { bucketRetryNotice } from './bucket-retry.ts';
import { milestone } from './commit/committer.ts';
import { SIGN_OF_LIFE_MS } from './owner.ts';
import type { CaptureSettings } from './settings.ts';
import { RateLimit } from './snapshot/rate-limit.ts';
import { runSnapshot } from './snapshot/snapshot.ts';
import { sourceTime } from './source-clock.ts';
import { type StartedStream, startStream } from './start.ts';
import { createTailer, type Tailing } from './tailer-wiring.ts';

export interface CaptureDeps {
  readonly bucket: Bucket;
  readonly source: MongoConnection;
  readonly logger: Logger;
  readonly metrics: Metrics;
  readonly stats: CaptureStats;
  /** A clean stop. */
  readonly signal: AbortSignal;
}

export interface CaptureResult {
  /** The milestone of `until`, or a stop that was asked for. */
  readonly ended: 'stopped' | 'snapshot-completed' | 'caught-up';
  readonly milestones: readonly Milestone[];
  readonly lastSequence: number;
  readonly snapshotDocuments: number;
}

/** How often an operator's note, or another owner, is looked for while nothing is committed. */
const POLL_MS = 1000;

/**
 * Runs until stopped, or until the milestone of `settings.until`. A stop is no error: the result
 * says so. Errors: see startStream; and SOURCE_HISTORY_LOST, SOURCE_EVENT_*,
 * SOURCE_IMAGE_UNEXPLAINED, MANIFEST_FENCED, and what source and bucket fail with for good.
 */
export async function runCapture(settings: CaptureSettings, deps: CaptureDeps): Promise<CaptureResult> {
  using stop = new LinkedAbort(deps.signal);
  using grace = new StopGrace(deps.signal);
  let stream: StartedStream;
  try {
    stream = await startStream(settings, { ...deps, giveUp: grace.signal });
  } catch (error) {
    if (deps.signal.aborted && hasCode(error, 'INTERRUPTED')) return NOTHING_YET;
    throw error;
  }
  const capture = new Capture(settings, deps, stream, { stop, giveUp: grace.signal });
  try {
    const ended = await capture.run();
    const { state } = stream.committer;
    return {
      ended,
      milestones: state.milestones,
      lastSequence: state.lastSequence,
      snapshotDocuments: state.totals.snapshotRecords,
    };
  } finally {
    deps.stats.phase = 'done';
    await stream.writer.close();
  }
}

const NOTHING_YET: CaptureResult = {
  ended: 'stopped',
  milestones: [],
  lastSequence: 0,
  snapshotDocuments: 0,
};

class Capture {
  readonly #settings: CaptureSettings;
  readonly #deps: CaptureDeps;
  readonly #stream: StartedStream;
  readonly #stop: LinkedAbort;
  readonly #giveUp: AbortSignal;
  readonly #abort: LinkedAbort;
  readonly #tailing: Tailing;
  #failure: { readonly error: unknown } | null = null;
  /** Something that was read when the stop came could not be committed. */
  #leavesSomething = false;
  #ended: CaptureResult['ended'] = 'stopped';

  constructor(
    settings: CaptureSettings,
    deps: CaptureDeps,
    stream: StartedStream,
    { stop, giveUp }: { readonly stop: LinkedAbort; readonly giveUp: AbortSignal },
  ) {
    this.#settings = settings;
    this.#deps = deps;
    this.#stream = stream;
    this.#stop = stop;
    this.#giveUp = giveUp;
    this.#abort = new LinkedAbort(giveUp);
    this.#tailing = createTailer({
      settings,
      deps,
      stream,
      stop: stop.signal,
      abort: this.#abort.signal,
      onFailure: (error) => this.#fail(error),
    });
  }

  async run(): Promise<CaptureResult['ended']> {
    const { stats } = this.#deps;
    const activities = [
      this.#tailing.tailer.run(),
      this.#snapshotThenMilestones(),
      this.#watch(),
      this.#live(),
    ];
    await Promise.all(activities.map((activity) => activity.catch((error: unknown) => this.#fail(error))));
    this.#abort[Symbol.dispose]();
    stats.phase = 'stopping';
    if (this.#failure) throw await this.#recorded(this.#failure.error);
    if (this.#leavesSomething || this.#giveUp.aborted) this.#tellWhatIsLeft();
    else await this.#recordStop();
    return this.#ended;
  }

  /** The first failure ends everything; that others are interrupted by it says nothing. */
  #fail(error: unknown): void {
    if (this.#stop.signal.aborted && hasCode(error, 'INTERRUPTED')) return;
    // Whoever asked for a stop gets one: what a bucket that is away does not take is nothing that
    // the next start cannot read.
    if (this.#deps.signal.aborted && hasCode(error, 'BUCKET_UNAVAILABLE')) {
      this.#leavesSomething = true;
      return;
    }
    if (this.#failure) return;
    this.#failure = { error };
    const reason = interrupted('another part of the capture failed', error);
    this.#abort.abort(reason);
    this.#stop.abort(reason);
  }

  #tellWhatIsLeft(): void {
    const { lastCommitAt } = this.#stream.committer;
    const seconds = Math.ceil((performance.now() - lastCommitAt) / 1000);
    this.#deps.logger.warn(
      'the bucket did not take the last commit in time; what was read since the one before is read again by the next start',
      { seconds },
    );
  }

  /**
   * So that the next one need not wait until we have been silent for long. Best
   * effort: it is no more than that.
   */
  async #recordStop(): Promise<void> {
    const { committer } = this.#stream;
    const stopped = milestone('capture-stopped', this.#deps.stats.watermark, committer.state.lastSequence);
    await committer.commit({ milestones: [stopped] }).catch((error: unknown) => {
      this.#deps.logger.warn('could not record that the capture has stopped', { error });
    });
  }

  /**
   * Whatever holds up the source or the reading of it: who looks on sees that the stream has an
   * owner.
   */
  async #live(): Promise<void> {
    const { committer } = this.#stream;
    const { signal } = this.#stop;
    const silenceMs = this.#settings.idleCommitMs + SIGN_OF_LIFE_MS;
    for (;;) {
      await sleep(POLL_MS, signal);
      if (performance.now() - committer.lastCommitAt >= silenceMs) await committer.commit({});
    }
  }

  /** That the source's history is lost is a fact of the stream, for whoever reads it. */
  async #recorded(error: unknown): Promise<unknown> {
    if (!hasCode(error, 'SOURCE_HISTORY_LOST', 'SOURCE_HISTORY_CHANGED')) return error;
    const { committer } = this.#stream;
    const { watermark } = this.#deps.stats;
    const lost = milestone('history-lost', watermark, committer.state.lastSequence);
    await committer.commit({ milestones: [lost] }).catch(() => undefined);
    return error;
  }

  async #snapshotThenMilestones(): Promise<void> {
    const { stats } = this.#deps;
    const { committer } = this.#stream;
    let reaching: Promise<ClusterTime> | undefined;
    if (!milestoneOf(committer.state, 'snapshot-completed')) {
      stats.phase = 'snapshot';
      await this.#snapshot(() => {
        // All that the snapshot holds had happened by now: the proof need not wait for its last
        // segments.
        reaching = this.#reachNow();
        reaching.catch(() => undefined);
      });
    }
    stats.phase = 'changes';
    const time = await (reaching ?? this.#reachNow());
    // The files up to here make a consistent whole: the snapshot, and all that happened while it
    // was read.
    if (this.#settings.until === 'snapshot-completed') return this.#end('snapshot-completed');
    // Whoever ends here may load, verify and switch without a capture that runs.
    const { listing, tellsOfStructure } = this.#tailing;
    if (this.#settings.until === 'caught-up' && !tellsOfStructure) await listing.run();
    if (!milestoneOf(committer.state, 'caught-up')) {
      await committer.commit({ milestones: [milestone('caught-up', time, committer.state.lastSequence)] });
    }
    if (this.#settings.until === 'caught-up') this.#end('caught-up');
  }

  #snapshot(onAllRead: () => void): Promise<void> {
    const { settings, deps, stream } = { settings: this.#settings, deps: this.#deps, stream: this.#stream };
    return runSnapshot({
      connection: deps.source,
      committer: stream.committer,
      bucket: deps.bucket,
      prefix: stream.prefix,
      epoch: stream.writer.epoch,
      identity: stream.identity,
      filter: stream.filter,
      level: settings.compressionLevel,
      segmentBytes: settings.segmentBytes,
      chunkBytes: settings.chunkBytes,
      readers: settings.readers,
      readPreference: settings.readPreference,
      rate: new RateLimit(settings.maxReadBytesPerSecond),
      t0: stream.t0,
      stats: deps.stats,
      logger: deps.logger,
      onBucketRetry: bucketRetryNotice(deps),
      onAllRead,
      stop: this.#stop.signal,
      abort: this.#abort.signal,
    });
  }

  /** Waits until all that the source had acknowledged at the call is in the bucket. */
  async #reachNow(): Promise<ClusterTime> {
    const { signal } = this.#stop;
    const { source, logger } = this.#deps;
    const time = await sourceTime({ connection: source, logger, signal });
    await abortable(this.#tailing.tailer.prove(time), signal);
    return time;
  }

  #end(ended: CaptureResult['ended']): void {
    this.#ended = ended;
    this.#stop.abort(interrupted(`reached ${ended}`));
  }

  /**
   * Looks for the operator's word that writes have stopped, and answers `drained`; and for a new
   * owner while idle.
   */
  async #watch(): Promise<void> {
    const { committer } = this.#stream;
    const { signal } = this.#stop;
    for (;;) {
      await sleep(POLL_MS, signal);
      if (performance.now() - committer.lastCommitAt >= POLL_MS) await committer.poll(signal);
      const stopped = milestoneOf(committer.state, 'writes-stopped');
      const time = stopped && parseClusterTime(stopped.clusterTime ?? '');
      if (time === undefined || isDrained(committer.state.milestones, time)) continue;
      await abortable(this.#tailing.tailer.prove(time), signal);
      // After what the stream has brought, and before the load is told that this is all.
      await this.#tailing.listing.run();
      const { watermark } = this.#deps.stats;
      const drained = milestone(
        'drained',
        watermark !== null && watermark > time ? watermark : time,
        committer.state.lastSequence,
      );
      await committer.commit({ milestones: [drained] });
    }
  }
}

function isDrained(milestones: readonly Milestone[], time: ClusterTime): boolean {
  const drained = milestones.findLast(({ name }) => name === 'drained');
  const at = drained && parseClusterTime(drained.clusterTime ?? '');
  return at !== undefined && at >= time;
}
