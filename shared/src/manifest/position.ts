/**
 * The one place where a position is put into a commit and read from one. A commit holds the token
 * in base64 and the times as text, and beside them the hash of the change stream's options: a token
 * is good only for the options that it was made with.
 */
import { WaybillError } from '../base/errors.ts';
import { type ClusterTime, formatClusterTime, parseClusterTime } from '../base/position.ts';
import type { CommittedPosition } from './commit.ts';

/** Where the change stream goes on. It is exact even where the token cannot be used. */
export interface StreamPosition {
  readonly clusterTime: ClusterTime;
  /** The raw BSON of `{_data: …}`: opaque, stored, never compared. */
  readonly resumeToken: Uint8Array | null;
  /**
   * How many captured data events of exactly `clusterTime` lie before the position. A stream that
   * has to start at the cluster time, which is inclusive, drops that many.
   */
  readonly taken: number;
  /**
   * Cluster time of the last event before the position, captured or not; null if none is known.
   */
  readonly lastEvent: ClusterTime | null;
}

/** The form in which a commit holds it. */
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
 * The inverse, for a change stream with these options. Under other options it shows other events,
 * so the committed `lastEvent` says nothing about it.
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

/** A position at a time, from which all that happened at that time is read (again). */
export function positionAt(clusterTime: ClusterTime, resumeToken: Uint8Array | null = null): StreamPosition {
  return { clusterTime, resumeToken, taken: 0, lastEvent: null };
}

/** The cluster time of a position or a milestone of the manifest; null if it has none. */
export function timeOf(
  holder: { readonly clusterTime: string | null } | null | undefined,
): ClusterTime | null {
  return parseClusterTime(holder?.clusterTime ?? '') ?? null;
}
