/**
 * The only place that puts a position into a commit and reads it from one. A commit holds the token
 * in base64 and the times as text. Beside them it holds the hash of the change stream's options: a
 * token is good only for the options that it was made with.
 */
import { WaybillError } from '../base/errors.ts';
import { type ClusterTime, formatClusterTime, parseClusterTime } from '../base/position.ts';
import type { CommittedPosition } from './commit.ts';

/** The point at which the change stream resumes. It is exact even if the token cannot be used. */
export interface StreamPosition {
  readonly clusterTime: ClusterTime;
  /** The raw BSON of `{_data: …}`: opaque, stored, never compared. */
  readonly resumeToken: Uint8Array | null;
  /**
   * Number of captured data events at exactly `clusterTime` that lie before the position. A stream
   * that has to start at the cluster time, which is inclusive, drops this many.
   */
  readonly taken: number;
  /**
   * Cluster time of the last event before the position, captured or not; null if none is known.
   */
  readonly lastEvent: ClusterTime | null;
}

/** Returns the position in the form that a commit holds. */
export function encodePosition(position: StreamPosition, optionsHash: string): CommittedPosition {
  const { clusterTime, resumeToken, taken, lastEvent } = position;
  return {
    clusterTime: formatClusterTime(clusterTime),
    resumeToken: resumeToken === null ? null : Buffer.from(resumeToken).toString('base64'),
    options: optionsHash,
    ...(taken > 0 && { taken }),
    ...(lastEvent !== null && { lastEvent: formatClusterTime(lastEvent) }),
  };
}

/**
 * The inverse, for a change stream with these options. A stream with other options shows other
 * events, so the committed `lastEvent` says nothing about it.
 */
export function decodePosition(committed: CommittedPosition, optionsHash: string): StreamPosition {
  const { resumeToken, taken = 0, lastEvent = '' } = committed;
  const clusterTime = timeOf(committed);
  if (clusterTime === null) {
    throw new WaybillError('INTERNAL', `a committed position has the time ${committed.clusterTime}`);
  }
  return {
    clusterTime,
    resumeToken: resumeToken === null ? null : Buffer.from(resumeToken, 'base64'),
    taken,
    lastEvent: (committed.options === optionsHash && parseClusterTime(lastEvent)) || null,
  };
}

/** A position at a time: the stream reads everything that happened at that time (again). */
export function positionAt(clusterTime: ClusterTime, resumeToken: Uint8Array | null = null): StreamPosition {
  return { clusterTime, resumeToken, taken: 0, lastEvent: null };
}

/** The cluster time of a position or a milestone of the manifest; null if it has none. */
export function timeOf(
  holder: { readonly clusterTime: string | null } | null | undefined,
): ClusterTime | null {
  return parseClusterTime(holder?.clusterTime ?? '') ?? null;
}
