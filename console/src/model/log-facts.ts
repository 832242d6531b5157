/** Facts that both halves of a status read from a stream's folded log. */
import type { ClusterTime } from '@waybill/shared/base/position';
import type { Milestone } from '@waybill/shared/manifest/commit';
import { timeOf } from '@waybill/shared/manifest/position';
import { milestoneOf, type StreamState } from '@waybill/shared/manifest/state';

/**
 * The last drain, unless something has come after it: an abandoned cutover leaves its milestone
 * behind.
 */
export function drainedNow(stream: StreamState): Milestone | undefined {
  const drained = milestoneOf(stream, 'drained');
  return drained && (drained.sequence ?? 0) >= stream.lastSequence ? drained : undefined;
}

export function watermarkOf(stream: StreamState): ClusterTime | null {
  return timeOf(stream.position);
}
