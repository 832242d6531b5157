import { type ClusterTime, clusterTimeSeconds } from '@waybill/shared/base/position';

export interface IdleState {
  /** Milliseconds of a monotonic clock. */
  readonly now: number;
  readonly lastPushAt: number;
  readonly idleCommitMs: number;
  /** Of the position that was handed on last. */
  readonly pushed: ClusterTime;
  /** Of the position that the stream is at. */
  readonly reached: ClusterTime;
}

/** Two no-ops of a server, ten seconds apart, can lie nine apart in whole seconds. */
const ROUNDING_MS = 1000;
const LEAST_MS = 1000;

/**
 * Whether a stream without changes has its position committed now: when the last commit is long ago
 * by our clock, or lies that far back in cluster time. The second keeps the lag of an idle source
 * at one interval: its clock moves only with the server's no-ops, and a position that waited for
 * our own interval as well would be two of them behind.
 */
export function isPositionDue({ now, lastPushAt, idleCommitMs, pushed, reached }: IdleState): boolean {
  if (now - lastPushAt >= idleCommitMs) return true;
  // A backlog of changes that are not captured passes hours of cluster time in seconds.
  if (now - lastPushAt < LEAST_MS) return false;
  const behindMs = (clusterTimeSeconds(reached) - clusterTimeSeconds(pushed)) * 1000;
  return behindMs >= Math.max(ROUNDING_MS, idleCommitMs - ROUNDING_MS);
}
