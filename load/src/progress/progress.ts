/**
 * How far a load is, on the target. Invariants:
 *
 * 1. A cursor is written after every batch up to it was acknowledged by a majority, never before
 *    (INV-6).
 * 2. Writes of cursors, barrier and phases are filtered on the epoch: a fenced owner changes none
 *    of them. Cursors and barrier only go forward. So a repeated write of ours that comes late
 *    changes nothing either, also where the server does not refuse it.
 * 3. A finished segment is a fact, whoever states it: all of its documents are on the target. So it
 *    is not fenced.
 * 4. A cursor's unit is a whole commit. A load that stopped at a moment inside one leaves its
 *    cursor at the commit before; the cursor's sequence names the last record applied. A crash
 *    between a batch and its cursor repeats commits, which ends in the same state: every batch sets
 *    last states of documents, and the batches after it are repeated too.
 */

import { type ClusterTime, formatClusterTime, parseClusterTime } from '@waybill/shared/base/position';
import type { SegmentEntry } from '@waybill/shared/manifest/commit';
import type { LogPoint } from '@waybill/shared/manifest/known-head';
import { fencedError } from '../target/fenced.ts';
import type { ProgressChange, ProgressDocument, ProgressStore } from '../target/progress-store.ts';
import { laneId, lanePrefix, segmentId, segmentPrefix, stateId } from './keys.ts';

/**
 * Everything of a lane up to and with this commit is applied, and of the next commit every record
 * up to the sequence.
 */
export interface LaneCursor extends LogPoint {
  /** The stream's last sequence as of that commit, or a later one inside the next commit. */
  readonly sequence: number;
  /** The stream's position as of that commit: the lane's watermark. */
  readonly clusterTime: ClusterTime | null;
}

/** The structure changes of commit `seq` are applied up to event `done`, counted from 1. */
export interface BarrierProgress {
  readonly seq: number;
  readonly done: number;
}

export interface LoadPhases {
  readonly snapshotApplied: boolean;
  readonly indexesBuilt: boolean;
}

export interface FinishedSegment {
  readonly key: string;
  readonly namespace: string;
  readonly records: number;
  readonly documentBytes: number;
}

export interface LoadedProgress {
  /** By lane. */
  readonly cursors: readonly LaneCursor[];
  readonly barrier: BarrierProgress;
  readonly phases: LoadPhases;
  readonly finished: readonly FinishedSegment[];
  /**
   * Uuid of the collection that holds all this, in hex, noted with the uuids of what the load made.
   * Null before that.
   */
  readonly progressUuid: string | null;
}

export const START: LaneCursor = { seq: 0, hash: null, sequence: 0, clusterTime: null };

export interface ProgressOwner {
  readonly load: string;
  readonly epoch: number;
  readonly lanes: number;
}

export class Progress {
  readonly #store: ProgressStore;
  readonly #owner: ProgressOwner;

  constructor(store: ProgressStore, owner: ProgressOwner) {
    this.#store = store;
    this.#owner = owner;
  }

  /**
   * Raises every cursor to our epoch, then reads. In that order, so that nobody moves a cursor
   * after it was read. An owner that comes too late lowers none. @throws LOAD_FENCED
   */
  async takeOver(): Promise<LoadedProgress> {
    const { load, epoch, lanes } = this.#owner;
    const when = { epoch: { $lte: epoch } };
    const raise = Array.from({ length: lanes }, (_, lane): ProgressChange => {
      const setOnInsert = { kind: 'lane', load, lane, ...cursorFields(START) };
      return { id: laneId(load, lane), when, set: { epoch }, setOnInsert, upsert: true };
    });
    const phases = { kind: 'state', load, snapshotApplied: false, indexesBuilt: false };
    raise.push({
      id: stateId(load),
      when,
      set: { epoch },
      setOnInsert: { ...phases, barrierSeq: 0, barrierDone: 0 },
      upsert: true,
    });
    if ((await this.#store.update(raise)) < raise.length) throw fencedError(load, epoch);
    return readProgress(this.#store, load, lanes);
  }

  /** Moves lanes on, in one command. @throws LOAD_FENCED */
  async advance(cursors: ReadonlyMap<number, LaneCursor>): Promise<void> {
    const { load } = this.#owner;
    await this.#fenced(
      [...cursors].map(([lane, cursor]) => ({
        id: laneId(load, lane),
        when: { seq: { $lte: cursor.seq }, sequence: { $lte: cursor.sequence } },
        set: cursorFields(cursor),
      })),
    );
  }

  async markBarrier({ seq, done }: BarrierProgress): Promise<void> {
    const before = [{ barrierSeq: { $lt: seq } }, { barrierSeq: seq, barrierDone: { $lte: done } }];
    const set = { barrierSeq: seq, barrierDone: done };
    await this.#fenced([{ id: stateId(this.#owner.load), when: { $or: before }, set }]);
  }

  async markPhase(phases: Partial<LoadPhases>): Promise<void> {
    await this.#fenced([{ id: stateId(this.#owner.load), set: { ...phases } }]);
  }

  async finishSegments(entries: readonly SegmentEntry[]): Promise<void> {
    const { load, epoch } = this.#owner;
    await this.#store.update(
      entries.map(({ key, namespace, records, documentBytes }) => ({
        id: segmentId(load, key),
        set: { kind: 'segment', load, namespace: namespace ?? '', records, documentBytes, epoch },
        upsert: true,
      })),
    );
  }

  async #fenced(changes: readonly ProgressChange[]): Promise<void> {
    const { load, epoch } = this.#owner;
    const matched = await this.#store.update(
      changes.map(({ when, ...change }) => ({ ...change, when: { ...when, epoch } })),
    );
    if (matched < changes.length) throw fencedError(load, epoch);
  }
}

/** Progress as it stands, of a load that somebody else may own. */
export async function readProgress(
  store: ProgressStore,
  load: string,
  lanes: number,
): Promise<LoadedProgress> {
  const [laneDocuments, [state], segments] = await Promise.all([
    store.find(lanePrefix(load)),
    store.find(stateId(load)),
    store.find(segmentPrefix(load)),
  ]);
  const byLane = new Map(laneDocuments.map((document) => [Number(document.lane), cursorOf(document)]));
  return {
    cursors: Array.from({ length: lanes }, (_, lane) => byLane.get(lane) ?? START),
    barrier: { seq: Number(state?.barrierSeq ?? 0), done: Number(state?.barrierDone ?? 0) },
    phases: { snapshotApplied: state?.snapshotApplied === true, indexesBuilt: state?.indexesBuilt === true },
    finished: segments.map((document) => ({
      key: document._id.slice(segmentPrefix(load).length),
      namespace: String(document.namespace),
      records: Number(document.records),
      documentBytes: Number(document.documentBytes),
    })),
    progressUuid: typeof state?.progressUuid === 'string' ? state.progressUuid : null,
  };
}

/** The cursor that all lanes have reached. */
export function slowest(cursors: Iterable<LaneCursor>): LaneCursor {
  let slowest: LaneCursor | undefined;
  for (const cursor of cursors) if (!slowest || isBehind(cursor, slowest)) slowest = cursor;
  return slowest ?? START;
}

export function isBehind(one: LaneCursor, other: LaneCursor): boolean {
  return one.seq < other.seq || (one.seq === other.seq && one.sequence < other.sequence);
}

function cursorFields(cursor: LaneCursor): ProgressChange['set'] {
  const clusterTime = cursor.clusterTime === null ? null : formatClusterTime(cursor.clusterTime);
  return { seq: cursor.seq, hash: cursor.hash, sequence: cursor.sequence, clusterTime };
}

function cursorOf(document: ProgressDocument): LaneCursor {
  return {
    seq: Number(document.seq),
    hash: typeof document.hash === 'string' ? document.hash : null,
    sequence: Number(document.sequence),
    clusterTime: parseClusterTime(String(document.clusterTime)) ?? null,
  };
}
