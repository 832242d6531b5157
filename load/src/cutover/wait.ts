/** Waits of a cutover: until capture, and then load, have provably passed the moment at which writes stopped. */
import type { Bucket } from '@waybill/shared/bucket/bucket';
import { WaybillError } from '@waybill/shared/errors';
import { sleep } from '@waybill/shared/lifecycle';
import type { Milestone } from '@waybill/shared/manifest/commit';
import { readCommits, readManifest } from '@waybill/shared/manifest/log';
import { foldCommit, type StreamState } from '@waybill/shared/manifest/state';
import { type ClusterTime, parseClusterTime } from '@waybill/shared/position';

export interface WaitOptions {
  readonly signal: AbortSignal;
  /** A wait in which nothing moves for this long is given up, in milliseconds. */
  readonly stalledMs: number;
  readonly onState?: (state: StreamState) => void;
}

const POLL_MS = 200;

/**
 * Follows a log until a milestone `name` tells that everything up to `time` is done. Errors: CUTOVER_NOT_READY where the log stands
 * still for too long: whoever should write it does not run.
 */
export async function waitForMilestone(
  bucket: Bucket,
  prefix: string,
  wanted: {
    readonly name: Milestone['name'];
    readonly time: ClusterTime;
    readonly timeOf: (m: Milestone) => string | null;
  },
  stalled: () => WaybillError,
  options: WaitOptions,
): Promise<{ readonly milestone: Milestone; readonly state: StreamState }> {
  const { signal, stalledMs, onState } = options;
  let state = await readManifest(bucket, prefix, { signal });
  let movedAt = performance.now();
  for (;;) {
    onState?.(state);
    const milestone = state.milestones.findLast(
      (each) => each.name === wanted.name && reaches(wanted.timeOf(each), wanted.time),
    );
    if (milestone) return { milestone, state };
    const before = state.seq;
    for await (const next of readCommits(bucket, prefix, { signal, after: state }))
      state = foldCommit(state, next);
    if (state.seq > before) movedAt = performance.now();
    else if (performance.now() - movedAt > stalledMs) throw stalled();
    else await sleep(POLL_MS, signal);
  }
}

export function reaches(reached: string | null, time: ClusterTime): boolean {
  const parsed = reached === null ? undefined : parseClusterTime(reached);
  return parsed !== undefined && parsed >= time;
}

export function captureStalled(stream: string): WaybillError {
  return new WaybillError('CUTOVER_NOT_READY', `nothing new comes from the capture of stream ${stream}`, {
    hint: 'Start `waybill capture` (or `waybill run`) for this stream, and run the cutover again.',
    context: { stream },
  });
}

export function loadStalled(load: string): WaybillError {
  return new WaybillError('CUTOVER_NOT_READY', `load ${load} has stood still before the end of the stream`, {
    hint: 'Start `waybill load` (or `waybill run`), and run the cutover again.',
    context: { load },
  });
}
