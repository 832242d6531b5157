/**
 * A load that is to stop at a moment inside a commit. Its cursor then stays at the commit before,
 * with the sequence of the last record applied: who goes on reads the commit again from there.
 */
import { WaybillError } from '@waybill/shared/base/errors';
import { type ClusterTime, formatClusterTime, parseClusterTime } from '@waybill/shared/base/position';
import type { RetryOptions } from '@waybill/shared/base/retry';
import type { ObjectReader } from '@waybill/shared/bucket/bucket';
import type { Commit, DdlEvent, SegmentEntry } from '@waybill/shared/manifest/commit';
import { segmentKey } from '@waybill/shared/manifest/keys';
import { readChangeSegment } from '@waybill/shared/segment/read/reader';
import type { LaneCursor } from '../progress/progress.ts';
import type { Moment } from '../settings/load-settings.ts';

/**
 * How much of a commit lies up to the moment. With `part` and `none` the moment is reached; a whole
 * commit may be followed by more.
 */
export type Share = 'whole' | 'part' | 'none';

export function shareOf(commit: Commit, moment: Moment, before: LaneCursor): Share {
  return 'sequence' in moment
    ? shareUpToSequence(commit, moment.sequence, before)
    : shareUpToTime(commit, moment.clusterTime);
}

/** Whether nothing more can come up to the moment. */
export function isReached(moment: Moment, cursor: LaneCursor): boolean {
  return 'sequence' in moment && cursor.sequence >= moment.sequence;
}

/** @throws CONFIG_INVALID where the load has applied records after the moment */
export function assertNotPast(moment: Moment, cursors: readonly LaneCursor[]): void {
  for (const { sequence, clusterTime } of cursors) {
    const isPast =
      'sequence' in moment
        ? sequence > moment.sequence
        : clusterTime !== null && clusterTime > moment.clusterTime;
    if (!isPast) continue;
    throw new WaybillError(
      'CONFIG_INVALID',
      `the load is past ${momentText(moment)}, where it is to stop: it has applied change ${sequence}`,
      { hint: 'Choose a later moment, or start another load (--load) into another target.' },
    );
  }
}

/** The cursor of a load that stops at a moment behind that one, with that record as its last. */
export function cursorAt(moment: Moment, before: LaneCursor, sequence: number): LaneCursor {
  return 'sequence' in moment
    ? // Another record may have the same time, so the time stays the one before.
      { ...before, sequence }
    : { ...before, sequence, clusterTime: moment.clusterTime };
}

export function isUpTo(moment: Moment, { clusterTime }: DdlEvent): boolean {
  return 'sequence' in moment || timeOf(clusterTime) <= moment.clusterTime;
}

export interface SearchDeps {
  readonly bucket: ObjectReader;
  readonly streamPrefix: string;
  /** Called before a segment is fetched once more. */
  readonly onReadAgain: RetryOptions['onRetry'];
  readonly signal: AbortSignal;
}

/** The last sequence of a commit's changes up to the moment; reads the segment that divides. */
export async function lastSequence(
  deps: SearchDeps,
  commit: Commit,
  moment: Moment,
  before: LaneCursor,
): Promise<number> {
  if ('sequence' in moment) return moment.sequence;
  let last = before.sequence;
  for (const entry of changesOf(commit)) {
    if (timeOf(entry.firstClusterTime) > moment.clusterTime) break;
    if (timeOf(entry.lastClusterTime) > moment.clusterTime) {
      return (await firstLater(deps, entry, moment.clusterTime)) - 1;
    }
    last = entry.lastSequence ?? last;
  }
  return last;
}

async function firstLater(
  { bucket, streamPrefix, onReadAgain: onRetry, signal }: SearchDeps,
  entry: SegmentEntry,
  time: ClusterTime,
): Promise<number> {
  let first = Number.POSITIVE_INFINITY;
  const key = segmentKey(streamPrefix, entry.key);
  for await (const { records } of readChangeSegment(bucket, key, entry, { signal, onRetry })) {
    for (const { sequence, clusterTime } of records) {
      if (clusterTime > time && sequence < first) first = sequence;
    }
  }
  return first;
}

function shareUpToSequence(commit: Commit, sequence: number, before: LaneCursor): Share {
  if (before.sequence >= sequence) return 'none';
  return (changesOf(commit).at(-1)?.lastSequence ?? 0) > sequence ? 'part' : 'whole';
}

/** A commit with a later position is no whole one: the cursor must not pass the moment. */
function shareUpToTime(commit: Commit, time: ClusterTime): Share {
  const isPast = commit.position !== undefined && timeOf(commit.position.clusterTime) > time;
  const times = [...changesOf(commit).map(({ firstClusterTime }) => firstClusterTime)];
  for (const { clusterTime } of commit.ddl ?? []) times.push(clusterTime);
  if (times.some((each) => timeOf(each) <= time)) return isPast || endsLater(commit, time) ? 'part' : 'whole';
  return isPast || times.length > 0 ? 'none' : 'whole';
}

function endsLater(commit: Commit, time: ClusterTime): boolean {
  const ends = changesOf(commit).map(({ lastClusterTime }) => lastClusterTime);
  for (const { clusterTime } of commit.ddl ?? []) ends.push(clusterTime);
  return ends.some((each) => timeOf(each) > time);
}

function changesOf({ segments = [] }: Commit): SegmentEntry[] {
  return segments.filter(({ kind }) => kind === 'changes');
}

function timeOf(text: string | undefined): ClusterTime {
  return (text === undefined ? undefined : parseClusterTime(text)) ?? 0n;
}

function momentText(moment: Moment): string {
  return 'sequence' in moment
    ? `sequence ${moment.sequence}`
    : `cluster time ${formatClusterTime(moment.clusterTime)}`;
}
