/** Consecutive commits of the stream that are applied together. Pure. */
import type { ChainedCommit } from '@waybill/shared/manifest/codec';
import type { SegmentEntry } from '@waybill/shared/manifest/commit';
import { timeOf } from '@waybill/shared/manifest/position';
import type { LaneCursor } from '../progress/progress.ts';

export interface WindowSegment {
  /** Of its commit. */
  readonly seq: number;
  readonly entry: SegmentEntry;
  /** Records after this sequence are left for later. */
  readonly through?: number | undefined;
}

/** What is applied as one: every lane's last states over all of its commits. */
export interface Window {
  readonly segments: readonly WindowSegment[];
  readonly bytes: number;
  /** The cursor of every lane once the window is applied. */
  readonly end: LaneCursor;
}

export class WindowBuilder {
  #segments: WindowSegment[] = [];
  #bytes = 0;
  #end: LaneCursor;
  #isEmpty = true;

  /** Goes on after this cursor. */
  constructor(start: LaneCursor) {
    this.#end = start;
  }

  get isEmpty(): boolean {
    return this.#isEmpty;
  }

  /** The cursor after everything added so far, in this window or an earlier one. */
  get end(): LaneCursor {
    return this.#end;
  }

  /** Whether the window, with that commit added, holds no more than that many bytes. */
  hasRoomFor({ commit }: ChainedCommit, bytes: number): boolean {
    return this.#isEmpty || this.#bytes + changeBytes(commit.segments) <= bytes;
  }

  add(next: ChainedCommit): void {
    const { commit } = next;
    for (const entry of commit.segments ?? []) {
      if (entry.kind === 'changes') this.#segments.push({ seq: commit.seq, entry });
    }
    this.#bytes += changeBytes(commit.segments);
    this.#end = cursorAfter(this.#end, next);
    this.#isEmpty = false;
  }

  /** Adds a commit's records up to the cursor's sequence. The window ends at that cursor. */
  addPart({ commit }: ChainedCommit, end: LaneCursor): void {
    for (const entry of commit.segments ?? []) {
      if (entry.kind !== 'changes' || (entry.firstSequence ?? 0) > end.sequence) continue;
      this.#segments.push({ seq: commit.seq, entry, through: end.sequence });
      this.#bytes += entry.documentBytes;
    }
    this.#end = end;
    this.#isEmpty = false;
  }

  /** The window so far; what is added later belongs to the next one. */
  take(): Window {
    const window = { segments: this.#segments, bytes: this.#bytes, end: this.#end };
    this.#segments = [];
    this.#bytes = 0;
    this.#isEmpty = true;
    return window;
  }
}

/** The cursor of a lane that has applied everything up to and with that commit. */
export function cursorAfter(before: LaneCursor, { commit, hash }: ChainedCommit): LaneCursor {
  const inSegments = commit.segments?.findLast(({ kind }) => kind === 'changes')?.lastSequence;
  const position = timeOf(commit.position);
  return {
    seq: commit.seq,
    hash,
    sequence: commit.lastSequence ?? inSegments ?? before.sequence,
    clusterTime: position ?? before.clusterTime,
  };
}

function changeBytes(segments: readonly SegmentEntry[] | undefined): number {
  let bytes = 0;
  for (const entry of segments ?? []) if (entry.kind === 'changes') bytes += entry.documentBytes;
  return bytes;
}
