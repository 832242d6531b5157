/** What goes on beside the stream: an operator's notes, another owner, signs of life. */

import { abortable, sleep } from '@waybill/shared/base/lifecycle';
import type { ClusterTime } from '@waybill/shared/base/position';
import type { Milestone } from '@waybill/shared/manifest/commit';
import { timeOf } from '@waybill/shared/manifest/position';
import { milestoneOf } from '@waybill/shared/manifest/state';
import { milestone } from '../commit/milestone.ts';
import { SIGN_OF_LIFE_MS } from '../start/owner.ts';
import type { RunParts } from './parts.ts';

/** How often a note or another owner is looked for while nothing is committed. */
const POLL_MS = 1000;

/**
 * Looks for the operator's word that writes have stopped, and answers `drained`. Also finds a new
 * owner while this capture is idle.
 */
export async function answerStoppedWrites({ stream, deps, tailing, stop }: RunParts): Promise<void> {
  const { committer } = stream;
  for (;;) {
    await sleep(POLL_MS, stop);
    if (performance.now() - committer.lastCommitAt >= POLL_MS) await committer.poll(stop);
    const { milestones } = committer.state;
    const time = timeOf(milestoneOf(committer.state, 'writes-stopped'));
    if (time === null || isDrained(milestones, time)) continue;
    await abortable(tailing.tailer.prove(time), stop);
    // After what the stream has brought, and before the load is told that this is all.
    await tailing.listing.run();
    const { watermark } = deps.stats;
    const reached = watermark !== null && watermark > time ? watermark : time;
    const { lastSequence } = committer.state;
    await committer.commit({ milestones: [milestone('drained', reached, lastSequence)] });
  }
}

function isDrained(milestones: readonly Milestone[], time: ClusterTime): boolean {
  const at = timeOf(milestones.findLast(({ name }) => name === 'drained'));
  return at !== null && at >= time;
}

/** Commits something even if the source holds everything up, so that the stream has an owner. */
export async function showLife({ settings, stream, stop }: RunParts): Promise<void> {
  const { committer } = stream;
  const silenceMs = settings.idleCommitMs + SIGN_OF_LIFE_MS;
  for (;;) {
    await sleep(POLL_MS, stop);
    if (performance.now() - committer.lastCommitAt >= silenceMs) await committer.commit({});
  }
}
