/** What a capture records and says when it ends. */

import { hasCode } from '@waybill/shared/base/errors';
import { milestone } from '../commit/milestone.ts';
import type { RunParts } from './parts.ts';

/**
 * Lets the next capture start without waiting until this one has been silent for long. Only an aid:
 * the next one does without it.
 */
export async function recordStop({ stream, deps }: RunParts): Promise<void> {
  const { committer } = stream;
  const stopped = milestone('capture-stopped', deps.stats.watermark, committer.state.lastSequence);
  await committer.commit({ milestones: [stopped] }).catch((error: unknown) => {
    deps.logger.warn('could not record that the capture has stopped', { error });
  });
}

/** Lets readers of the stream know that the source has lost its history. */
export async function recordLoss({ stream, deps }: RunParts, error: unknown): Promise<void> {
  if (!hasCode(error, 'SOURCE_HISTORY_LOST', 'SOURCE_HISTORY_CHANGED')) return;
  const { committer } = stream;
  const lost = milestone('history-lost', deps.stats.watermark, committer.state.lastSequence);
  await committer.commit({ milestones: [lost] }).catch(() => undefined);
}

export function tellWhatIsLeft({ stream, deps }: RunParts): void {
  const seconds = Math.ceil((performance.now() - stream.committer.lastCommitAt) / 1000);
  deps.logger.warn(
    'the bucket did not take the last commit in time; the next start reads again what was read since the commit before',
    { seconds },
  );
}
