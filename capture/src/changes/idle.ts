import { type ClusterTime, clusterTimeSeconds } from '@waybill/shared/base/position';

export interface IdleState {
  /** Milliseconds of a monotonic clock. */
  readonly now: number;
  readonly lastPushAt: number;
  readonly idleCommitMs: number;
  /** Cluster time of the position that was handed on last. */
  readonly pushed: ClusterTime;
  /** Cluster time that the stream has reached. */
  readonly reached: ClusterTime;
}

/** A server's no-ops come every ten seconds, which can be nine in whole seconds. */
const ROUNDING_MS = 1000;
const LEAST_MS = 1000;

/**
 * Whether to commit the position of a stream without changes: when the last commit is long ago by
 * our clock, or far back in cluster time. The second rule keeps the lag of an idle source at one
 * interval. The cluster time moves only with the server's no-ops, so a position that also waited
 * for our own interval would be two intervals behind.
 */
export function isPositionDue({ now, lastPushAt, idleCommitMs, pushed, reached }: IdleState): boolean {
  if (now - lastPushAt >= idleCommitMs) return true;
  // A backlog of changes that are not captured can pass hours of cluster time in seconds.
  if (now - lastPushAt < LEAST_MS) return false;
  const behindMs = (clusterTimeSeconds(reached) - clusterTimeSeconds(pushed)) * 1000;
  return behindMs >= Math.max(ROUNDING_MS, idleCommitMs - ROUNDING_MS);
}
