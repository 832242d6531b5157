/**
 * The waits of a cutover: until capture, and then load, have provably passed the moment at which
 * writes stopped.
 */

import { WaybillError } from '@waybill/shared/base/errors';
import { sleep } from '@waybill/shared/base/lifecycle';
import { type ClusterTime, parseClusterTime } from '@waybill/shared/base/position';
import type { Bucket } from '@waybill/shared/bucket/bucket';
import type { Milestone } from '@waybill/shared/manifest/commit';
import { foldCommit } from '@waybill/shared/manifest/fold';
import { readCommits, readManifest } from '@waybill/shared/manifest/log';
import type { StreamState } from '@waybill/shared/manifest/state';
import { controlOf } from '../rate/control.ts';

export interface WaitOptions {
  readonly signal: AbortSignal;
  /** A wait in which nothing moves for this long is given up, in milliseconds. */
  readonly wait: number;
  /** Where to follow the log from; default: from its end, with a look at what it tells already. */
  readonly from?: StreamState;
  /**
   * Asked while the log stands still: milliseconds since its writer gave a sign of life; null where
   * nobody writes it.
   */
  readonly silentMs?: () => Promise<number | null>;
  /** Throws where the log says that waiting is in vain. */
  readonly assertGoesOn?: (state: StreamState) => void;
}

export interface Wanted {
  readonly name: Milestone['name'];
  readonly time: ClusterTime;
  /** The time of the source up to which everything is done, by that milestone. */
  readonly timeOf: (milestone: Milestone) => string | null;
}

export interface Reached {
  readonly milestone: Milestone;
  /**
   * The log up to and with the commit that says so; further where it said so from the beginning.
   */
  readonly state: StreamState;
}

const POLL_MS = 200;

/**
 * Follows a log until a milestone says that everything up to a time is done. (A milestone of an
 * earlier attempt says so of an earlier time.) @throws what `stalled` makes, where nothing moves
 * for too long: the log's writer does not run
 */
export async function waitForMilestone(
  bucket: Bucket,
  prefix: string,
  wanted: Wanted,
  stalled: () => WaybillError,
  { signal, wait, from, silentMs, assertGoesOn }: WaitOptions,
): Promise<Reached> {
  let state = from ?? (await readManifest(bucket, prefix, { signal }));
  const known = state.milestones.findLast((milestone) => tells(milestone, wanted));
  if (known) return { milestone: known, state };
  let movedAt = performance.now();
  for (;;) {
    const before = workIn(state);
    for await (const next of readCommits(bucket, prefix, { signal, after: state })) {
      state = foldCommit(state, next);
      const milestone = next.commit.milestones?.find((each) => tells(each, wanted));
      if (milestone) return { milestone, state };
    }
    assertGoesOn?.(state);
    if (workIn(state) !== before) movedAt = performance.now();
    const silent = await silentMs?.();
    if (typeof silent === 'number') movedAt = Math.max(movedAt, performance.now() - silent);
    if (performance.now() - movedAt > wait) throw stalled();
    await sleep(POLL_MS, signal);
  }
}

/**
 * Changes with every piece of work in a log. A capture that is held up, for instance at its source,
 * commits too, to show that it lives: that is no work.
 */
function workIn({ position, chunks, totals }: StreamState): string {
  const { changeSegments, snapshotSegments, ddlEvents, milestones } = totals;
  const counts = [changeSegments, snapshotSegments, ddlEvents, milestones, chunks.size];
  return `${position?.clusterTime} ${counts.join(' ')}`;
}

function tells(milestone: Milestone, { name, time, timeOf }: Wanted): boolean {
  if (milestone.name !== name) return false;
  const reached = parseClusterTime(timeOf(milestone) ?? '');
  return reached !== undefined && reached >= time;
}

export function captureStalled(stream: string): WaybillError {
  return new WaybillError('CUTOVER_NOT_READY', `nothing new comes from the capture of stream ${stream}`, {
    hint: 'Start `waybill capture` (or `waybill run`) for this stream, and run the cutover again.',
    context: { stream },
  });
}

/** @throws CUTOVER_NOT_READY: a paused load never drains, however long it runs */
export function assertNotPaused(log: StreamState, load: string): void {
  if (!controlOf(log).paused) return;
  throw new WaybillError('CUTOVER_NOT_READY', `load ${load} is paused`, {
    hint: 'Let it go on with `waybill control --resume`, and run the cutover again.',
    context: { load },
  });
}

export function loadStalled(load: string): WaybillError {
  return new WaybillError('CUTOVER_NOT_READY', `load ${load} has stood still before the end of the stream`, {
    hint: 'Start `waybill load` (or `waybill run`), and run the cutover again.',
    context: { load },
  });
}
