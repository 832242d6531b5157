/**
 * What runs when. Tailer and snapshot run side by side from the start; the watch over milestones
 * runs beside them.
 *
 * Two ways to end. `stop` (asked for, or the milestone of `until` reached) lets everything finish
 * what it has begun. `abort` (an error anywhere, or a bucket that keeps a requested stop waiting
 * too long) ends everything at once, and leaves what a crash would leave.
 */

import { hasCode } from '@waybill/shared/base/errors';
import { interrupted, LinkedAbort } from '@waybill/shared/base/lifecycle';
import type { CaptureDeps } from '../start/deps.ts';
import type { CaptureSettings } from '../start/settings.ts';
import type { StartedStream } from '../start/start-stream.ts';
import { recordLoss, recordStop, tellWhatIsLeft } from './endings.ts';
import { type Ending, snapshotThenMilestones } from './milestones.ts';
import type { RunParts } from './parts.ts';
import { createTailer } from './tailer-wiring.ts';
import { answerStoppedWrites, showLife } from './watch.ts';

export class CaptureRun {
  readonly #parts: RunParts;
  readonly #stop: LinkedAbort;
  readonly #giveUp: AbortSignal;
  readonly #abort: LinkedAbort;
  #failure: { readonly error: unknown } | null = null;
  /** Something that was read when the stop came could not be committed. */
  #leavesSomething = false;

  constructor(
    settings: CaptureSettings,
    deps: CaptureDeps,
    stream: StartedStream,
    { stop, giveUp }: { readonly stop: LinkedAbort; readonly giveUp: AbortSignal },
  ) {
    this.#stop = stop;
    this.#giveUp = giveUp;
    this.#abort = new LinkedAbort(giveUp);
    const base = { settings, deps, stream, stop: stop.signal, abort: this.#abort.signal };
    const tailing = createTailer({ ...base, onFailure: (error) => this.#fail(error) });
    this.#parts = { ...base, tailing };
  }

  async run(): Promise<'stopped' | Ending> {
    const parts = this.#parts;
    let ended: 'stopped' | Ending = 'stopped';
    const milestones = async (): Promise<void> => {
      const reached = await snapshotThenMilestones(parts);
      if (reached === null) return;
      ended = reached;
      this.#stop.abort(interrupted(`reached ${reached}`));
    };
    const activities = [
      parts.tailing.tailer.run(),
      milestones(),
      answerStoppedWrites(parts),
      showLife(parts),
    ];
    await Promise.all(activities.map((activity) => activity.catch((error: unknown) => this.#fail(error))));
    this.#abort[Symbol.dispose]();
    parts.deps.stats.phase = 'stopping';
    if (this.#failure) {
      await recordLoss(parts, this.#failure.error);
      throw this.#failure.error;
    }
    if (this.#leavesSomething || this.#giveUp.aborted) tellWhatIsLeft(parts);
    else await recordStop(parts);
    return ended;
  }

  /** The first failure ends everything. The interruptions that it causes say nothing. */
  #fail(error: unknown): void {
    if (this.#stop.signal.aborted && hasCode(error, 'INTERRUPTED')) return;
    // If the bucket is unreachable, a requested stop still ends well: the next start reads those
    // changes again.
    if (this.#parts.deps.signal.aborted && hasCode(error, 'BUCKET_UNAVAILABLE')) {
      this.#leavesSomething = true;
      return;
    }
    if (this.#failure) return;
    this.#failure = { error };
    const reason = interrupted('another part of the capture failed', error);
    this.#abort.abort(reason);
    this.#stop.abort(reason);
  }
}
