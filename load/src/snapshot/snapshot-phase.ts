/**
 * Brings the snapshot to the target: collections first, then their documents, segments in any order
 * and side by side, while the capture may still be writing them. Views come last, when everything
 * they stand on is there.
 *
 * A finished segment is recorded after its last document was acknowledged. A crash before that
 * repeats the segment, and replaces its documents that stand there already. The segments of a
 * capped collection are loaded one after the other, since their order is data.
 */

import type { Commit, SegmentEntry } from '@waybill/shared/manifest/commit';
import type { LogPoint } from '@waybill/shared/manifest/known-head';
import { timeOf } from '@waybill/shared/manifest/position';
import { type FinishedSegment, START } from '../progress/progress.ts';
import type { LoadFilter } from '../settings/load-filter.ts';
import { feed } from '../source/feed.ts';
import type { StructureContext } from '../structure/context.ts';
import { Inventory } from './inventory.ts';
import { SegmentRuns, type SegmentRunsDeps } from './segment-runs.ts';
import { SpreadStart } from './spread-start.ts';

export interface SnapshotDeps extends SegmentRunsDeps {
  readonly finished: readonly FinishedSegment[];
  readonly filter: LoadFilter;
}

export interface SnapshotResult {
  /** The point before the first commit that holds changes: the changes are read from there. */
  readonly changesAfter: LogPoint;
  readonly documents: number;
  readonly segments: number;
  readonly collections: number;
}

export async function applySnapshot(deps: SnapshotDeps): Promise<SnapshotResult> {
  const work = new SnapshotWork(deps);
  try {
    for await (const item of feed(deps.bucket, deps.streamPrefix, {
      after: START,
      pollMs: deps.settings.pollMs,
      idlePoll: deps.settings.idlePoll,
      onRetry: deps.onReadAgain,
      signal: work.runs.signal,
    })) {
      if (item.kind === 'head') {
        work.atHead();
        continue;
      }
      const isLast = await work.take(item.next.commit);
      work.passed({ seq: item.next.commit.seq, hash: item.next.hash });
      if (isLast) break;
    }
    return await work.finish();
  } catch (error) {
    await work.settle();
    // If a segment failed, that is why reading was stopped.
    throw work.runs.failure?.error ?? error;
  }
}

class SnapshotWork {
  readonly runs: SegmentRuns;
  readonly #gate: SnapshotDeps['gate'];
  readonly #structure: StructureContext;
  readonly #inventory: Inventory;
  readonly #finished: Set<string>;
  readonly #spread: SpreadStart | null;
  #changesAfter: LogPoint = START;
  #changesSeen = false;
  #documents = 0;
  #segments = 0;

  constructor(deps: SnapshotDeps) {
    this.#gate = deps.gate;
    this.#structure = deps.structure;
    this.#inventory = new Inventory(deps.structure, deps.filter);
    this.runs = new SegmentRuns(deps, this.#inventory);
    this.#spread = deps.spreadsRanges
      ? new SpreadStart({ runs: this.runs, keepsOrder: (namespace) => this.#inventory.isCapped(namespace) })
      : null;
    this.#finished = new Set(deps.finished.map(({ key }) => key));
  }

  /**
   * Starts what the commit asks for, and waits while too much is under way. True for the commit
   * that ends the snapshot.
   */
  async take(commit: Commit): Promise<boolean> {
    const { stats, takes } = this.#structure;
    stats.streamSequence = commit.lastSequence ?? stats.streamSequence;
    if (commit.position) stats.streamWatermark = timeOf(commit.position);
    if (commit.collections && !commit.ddl) this.#inventory.take(commit.collections);
    const segments = commit.segments ?? [];
    this.#changesSeen ||= commit.ddl !== undefined || segments.some(({ kind }) => kind === 'changes');
    // The load does not even fetch what it does not take.
    const taken = segments.filter(({ kind, namespace }) => kind === 'snapshot' && takes(namespace ?? ''));
    for (const { records } of taken) this.#documents += records;
    this.#segments += taken.length;
    const left = taken.filter(({ key }) => !this.#finished.has(key));
    // These are fetched while those before them are applied.
    if (!this.#spread) for (const entry of left) this.runs.expect(entry);
    if (left.length > 0) {
      await this.#gate.whenOpen(this.runs.signal);
      await this.#inventory.ensureDoubtful();
    }
    await this.#start(left);
    return commit.milestones?.some(({ name }) => name === 'snapshot-completed') ?? false;
  }

  async #start(segments: readonly SegmentEntry[]): Promise<void> {
    if (this.#spread) return this.#spread.add(segments);
    for (const entry of segments) await this.runs.start(entry);
  }

  /** The manifest has no more for now. */
  atHead(): void {
    this.#spread?.begin();
  }

  /** Waits for what is under way, whatever becomes of it. */
  async settle(): Promise<void> {
    await this.#spread?.settle();
    await this.runs.settle();
  }

  passed(point: LogPoint): void {
    if (!this.#changesSeen) this.#changesAfter = point;
  }

  /** Fulfilled when everything is on the target, empty collections and views included. */
  async finish(): Promise<SnapshotResult> {
    await this.#spread?.finish();
    await this.runs.settle();
    if (this.runs.failure) throw this.runs.failure.error;
    await this.runs.solveConflicts();
    return {
      collections: await this.#inventory.ensureAll(),
      changesAfter: this.#changesAfter,
      documents: this.#documents,
      segments: this.#segments,
    };
  }
}
