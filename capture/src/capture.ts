/** The capture service: from a source to a stream in the bucket. */

import { hasCode } from '@waybill/shared/base/errors';
import { LinkedAbort } from '@waybill/shared/base/lifecycle';
import { StopGrace } from '@waybill/shared/base/stop-grace';
import type { Milestone } from '@waybill/shared/manifest/commit';
import { CaptureRun } from './run/capture-run.ts';
import type { Ending } from './run/milestones.ts';
import type { CaptureDeps } from './start/deps.ts';
import type { CaptureSettings } from './start/settings.ts';
import { type StartedStream, startStream } from './start/start-stream.ts';

export interface CaptureResult {
  /** The milestone of `until`, or a stop that was asked for. */
  readonly ended: 'stopped' | Ending;
  readonly milestones: readonly Milestone[];
  readonly lastSequence: number;
  readonly snapshotDocuments: number;
}

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
  const run = new CaptureRun(settings, deps, stream, { stop, giveUp: grace.signal });
  try {
    const ended = await run.run();
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
