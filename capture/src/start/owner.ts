/**
 * Finds out who captured a stream before us, and whether that process is still at work. This is
 * only courtesy: the fence keeps two captures apart, whatever is decided here.
 *
 * A live owner commits at least every twelve seconds. One that has been silent for longer is gone,
 * cut off from the bucket, or suspended; if it comes back, it is fenced. Our own clock measures the
 * silence, from when we began to watch: clocks of two machines are never compared. There is no wait
 * if the owner said that it has stopped, or was a process of this machine that is gone.
 */

import { WaybillError } from '@waybill/shared/base/errors';
import { sleep } from '@waybill/shared/base/lifecycle';
import type { Logger } from '@waybill/shared/base/logger';
import { isCertainlyDead } from '@waybill/shared/base/process-identity';
import type { Bucket } from '@waybill/shared/bucket/bucket';
import { foldCommit } from '@waybill/shared/manifest/fold';
import { readCommits } from '@waybill/shared/manifest/log';
import type { StreamState } from '@waybill/shared/manifest/state';
import type { CaptureSettings } from './settings.ts';

/** Within {@link CaptureSettings.idleCommitMs} and this an owner commits, whatever holds it up. */
export const SIGN_OF_LIFE_MS = 2000;
const POLL_MS = 500;
/**
 * An owner that still commits after this many times the silence keeps its stream; until then it may
 * be about to stop.
 */
const PATIENCE = 2;

export interface OwnerDeps {
  readonly bucket: Bucket;
  readonly prefix: string;
  readonly logger: Logger;
  readonly signal: AbortSignal;
}

/** Fulfilled when nobody seems to own the stream any more. @throws STREAM_IN_USE */
export async function untilOwnerIsGone(
  known: StreamState,
  { takeOver, ownerSilence }: Pick<CaptureSettings, 'takeOver' | 'ownerSilence'>,
  { bucket, prefix, logger, signal }: OwnerDeps,
): Promise<void> {
  let state = known;
  if (state.seq === 0 || hasEnded(state)) return;
  if (takeOver) {
    logger.warn('taking over from the owner of the stream', ownerOf(state));
    return;
  }
  logger.info('the stream has an owner; waiting until it has been silent for long enough', {
    ...ownerOf(state),
    silenceMs: ownerSilence,
  });
  const began = performance.now();
  let heardAt = began;
  for (;;) {
    await sleep(Math.min(POLL_MS, ownerSilence), signal);
    for await (const next of readCommits(bucket, prefix, { after: state, signal })) {
      state = foldCommit(state, next);
      // A note comes from an operator.
      if (!next.commit.note) heardAt = performance.now();
    }
    const now = performance.now();
    if (hasEnded(state)) return;
    if (now - heardAt >= ownerSilence) {
      logger.warn('the owner of the stream has been silent; taking over', ownerOf(state));
      return;
    }
    if (now - began >= PATIENCE * ownerSilence) throw inUse(prefix, state);
  }
}

/** It said so, or it was a process of this machine that is gone. */
function hasEnded({ milestones }: StreamState): boolean {
  const last = milestones.findLast(({ name }) => name === 'capture-started' || name === 'capture-stopped');
  if (last?.name === 'capture-stopped') return true;
  const process = last?.evidence?.process;
  return typeof process === 'string' && isCertainlyDead(process);
}

/** For people only: the seconds come from the clocks of both machines, and decide nothing. */
function ownerOf({ writer, at }: StreamState): {
  readonly owner: string;
  readonly secondsSinceCommit: number;
} {
  const seconds = Math.round((Date.now() - Date.parse(at)) / 1000);
  return { owner: writer, secondsSinceCommit: Math.max(0, seconds) };
}

function inUse(stream: string, state: StreamState): WaybillError {
  const { owner, secondsSinceCommit } = ownerOf(state);
  return new WaybillError(
    'STREAM_IN_USE',
    `${owner} captures stream ${stream}, and goes on committing (last ${secondsSinceCommit} s ago)`,
    {
      hint: 'Exactly one may run. Leave this one stopped, or stop the other one and start this one again; --take-over ends the other one at once.',
      context: { stream, owner },
    },
  );
}
