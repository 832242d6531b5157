/**
 * Changes, from the cursors on, until stopped or until what was asked for is reached.
 *
 * Commits are gathered into windows while there are more to read: being behind makes windows large,
 * and coalescing wins. At the head the window goes off at once: being close makes them small, and
 * quick. A commit of structure changes is a barrier: every lane reaches it and its cursor is
 * written before the first event is applied; each event is recorded when it is done; then the
 * cursors pass it. A crash at any point repeats at most the event in hand.
 */

import { interrupted, LinkedAbort } from '@waybill/shared/base/lifecycle';
import type { RetryOptions } from '@waybill/shared/base/retry';
import type { Bucket } from '@waybill/shared/bucket/bucket';
import type { ChainedCommit } from '@waybill/shared/manifest/codec';
import type {
  CollectionDefinition,
  Commit,
  Milestone,
  StreamIdentity,
} from '@waybill/shared/manifest/commit';
import type { LogPoint } from '@waybill/shared/manifest/log';
import { timeOf } from '@waybill/shared/manifest/position';
import type { RefusalPolicy } from '../apply/refusal.ts';
import type { Writer } from '../apply/writer.ts';
import type { BarrierProgress, LaneCursor, Progress } from '../progress/progress.ts';
import type { LoadSettings } from '../settings/load-settings.ts';
import { feed } from '../source/feed.ts';
import { ensureCollection, wantedOf } from '../structure/collections.ts';
import { attempt, type StructureContext } from '../structure/context.ts';
import { applyDdl } from '../structure/ddl.ts';
import { buildIndexes } from '../structure/indexes.ts';
import type { RestoredIndexes } from '../structure/restored-indexes.ts';
import { Expectation } from './expectation.ts';
import { Pipeline } from './pipeline.ts';
import { Scopes } from './scopes.ts';
import { cursorAfter, WindowBuilder } from './window.ts';

export interface ChangesDeps {
  readonly bucket: Bucket;
  readonly streamPrefix: string;
  readonly identity: Pick<StreamIdentity, 'sourceTopology'>;
  readonly structure: StructureContext;
  readonly restored: RestoredIndexes;
  readonly writer: Writer;
  readonly onRefused: RefusalPolicy;
  readonly progress: Progress;
  readonly settings: LoadSettings;
  readonly onReadAgain: RetryOptions['onRetry'];
  readonly signal: AbortSignal;
  /** Called in order, once everything up to there is applied and recorded. True ends the phase. */
  readonly reached: (mark: Mark, cursor: LaneCursor) => Promise<boolean>;
}

export interface ChangesStart {
  /** The slowest lane's: the first commit read is the one after it. */
  readonly from: LaneCursor;
  readonly cursors: readonly LaneCursor[];
  readonly barrier: BarrierProgress;
  /**
   * The stream's head as this run begins, and what it says by then: the cursors may be past the
   * commits that said it.
   */
  readonly head: number;
  readonly caughtUp: boolean;
  readonly drained: Milestone | undefined;
}

/** A place in the stream that somebody waits for. */
export interface Mark {
  readonly kind: 'caught-up' | 'drained' | 'closed';
  readonly seq: number;
  /** The stream's milestone, where it is one. */
  readonly milestone: Milestone | undefined;
}

/** Applies changes until a mark ends the phase, and returns its kind. Rejects when stopped. */
export async function applyChanges(deps: ChangesDeps, start: ChangesStart): Promise<Mark['kind']> {
  const phase = new ChangesPhase(deps, start);
  try {
    return await phase.run();
  } catch (error) {
    await phase.settle();
    if (phase.endedBy) return phase.endedBy;
    throw phase.failure?.error ?? error;
  }
}

class ChangesPhase {
  readonly #deps: ChangesDeps;
  readonly #start: ChangesStart;
  readonly #end: LinkedAbort;
  readonly #pipeline: Pipeline;
  readonly #scopes: Scopes;
  #builder: WindowBuilder;
  #cursor: LaneCursor;
  #marks: Mark[] = [];
  #caughtUp: boolean;
  #waitsForCaughtUp = true;
  #endedBy: Mark['kind'] | null = null;

  constructor(deps: ChangesDeps, start: ChangesStart) {
    this.#deps = deps;
    this.#start = start;
    this.#end = new LinkedAbort(deps.signal);
    this.#cursor = start.from;
    this.#builder = new WindowBuilder(start.from);
    this.#caughtUp = start.caughtUp;
    const { bucket, streamPrefix, identity, structure, settings, writer, onRefused, onReadAgain } = deps;
    this.#scopes = new Scopes(structure, identity);
    this.#pipeline = new Pipeline({
      bucket,
      streamPrefix,
      settings,
      writer,
      onRefused,
      // An insert in vain is repeated alone; a document that is not there has its whole batch
      // repeated.
      expected: { new: new Expectation(0.1), existing: new Expectation(0) },
      takes: structure.takes,
      stats: structure.stats,
      onReadAgain,
      cursors: start.cursors,
      windows: settings.windows,
      bytes: settings.windowBytes,
      scopeOf: (namespace, collectionUuid) => this.#scopes.of(namespace, collectionUuid),
      advance: (end) => this.#advance(end),
      signal: this.#end.signal,
    });
  }

  get endedBy(): Mark['kind'] | null {
    return this.#endedBy;
  }

  get failure(): { readonly error: unknown } | undefined {
    return this.#pipeline.failure;
  }

  settle(): Promise<void> {
    return this.#pipeline.settle();
  }

  async run(): Promise<never> {
    const { bucket, streamPrefix, settings, onReadAgain } = this.#deps;
    const after: LogPoint = this.#start.from;
    if (this.#start.drained) this.#mark('drained', this.#start.head, this.#start.drained);
    const { pollMs, idlePoll } = settings;
    const options = { after, pollMs, idlePoll, onRetry: onReadAgain, signal: this.#pipeline.signal };
    for await (const item of feed(bucket, streamPrefix, options)) {
      if (item.kind === 'head') await this.#atHead(item.seq);
      else await this.#take(item.next);
    }
    throw new Error('a feed has no end');
  }

  async #take(next: ChainedCommit): Promise<void> {
    const { commit } = next;
    this.#observe(commit);
    if (commit.ddl) {
      await this.#applyBarrier(next);
    } else {
      for (const definition of commit.collections ?? []) await this.#ensureDefined(definition);
      this.#pipeline.expect(commit);
      if (!this.#builder.hasRoomFor(next, this.#deps.settings.windowBytes)) await this.#dispatch();
      this.#builder.add(next);
    }
    for (const milestone of commit.milestones ?? []) {
      if (milestone.name === 'caught-up') this.#caughtUp = true;
      if (milestone.name === 'drained') this.#mark('drained', commit.seq, milestone);
      if (milestone.name === 'stream-closed') this.#mark('closed', commit.seq, milestone);
      if (milestone.name === 'history-lost') {
        this.#deps.structure.logger.warn(
          'the capture lost its place in the source: this stream cannot go on',
          {
            clusterTime: milestone.clusterTime,
          },
        );
      }
    }
  }

  async #atHead(seq: number): Promise<void> {
    if (!this.#builder.isEmpty) await this.#dispatch();
    if (this.#caughtUp && this.#waitsForCaughtUp) {
      // The head at a moment after the capture had caught up: having passed it is having been
      // caught up.
      this.#waitsForCaughtUp = false;
      this.#mark('caught-up', seq, undefined);
    }
    // With nothing under way no cursor will come that could do this.
    if (this.#marks.length > 0 && this.#cursor.seq >= seq) {
      await this.#pipeline.drain();
      await this.#checkMarks();
    }
  }

  async #dispatch(): Promise<void> {
    await this.#pipeline.dispatch(this.#builder.take());
  }

  async #applyBarrier(next: ChainedCommit): Promise<void> {
    const { structure, restored, progress, settings } = this.#deps;
    const { seq, ddl = [], collections = [] } = next.commit;
    if (!this.#builder.isEmpty) await this.#dispatch();
    await this.#pipeline.drain();
    const { barrier } = this.#start;
    const done = barrier.seq === seq ? barrier.done : 0;
    for (const [index, event] of ddl.entries()) {
      if (index < done) continue;
      await restored.freeAll(event.namespace, event.to ?? event.namespace);
      await applyDdl(structure, event);
      await attempt(structure, () => progress.markBarrier({ seq, done: index + 1 }));
    }
    this.#scopes.clear();
    if (settings.ddl === 'apply') for (const definition of collections) await this.#ensureDefined(definition);
    const end = cursorAfter(this.#cursor, next);
    this.#builder = new WindowBuilder(end);
    await this.#advance(end);
  }

  /**
   * A collection that came after T0, of a source that tells no options with its events. The
   * inventory's own definitions were taken care of by the snapshot, and what became of those
   * collections since is the events' to tell.
   */
  async #ensureDefined(definition: CollectionDefinition): Promise<void> {
    const { structure, settings } = this.#deps;
    if (definition.snapshot || !structure.takes(definition.namespace)) return;
    if (structure.registry.get(definition.namespace)) return;
    await ensureCollection(structure, wantedOf(definition));
    if (settings.indexes === 'after-snapshot') await buildIndexes(structure, definition.namespace);
  }

  async #advance(end: LaneCursor): Promise<void> {
    const { progress, structure } = this.#deps;
    // A lane may be past this already: a crash came while the cursors were being written.
    const behind = [...this.#start.cursors.keys()].filter((lane) => this.#start.cursors[lane]!.seq < end.seq);
    if (behind.length > 0) {
      const cursors = new Map(behind.map((lane) => [lane, end]));
      await attempt(structure, () => progress.advance(cursors));
    }
    this.#cursor = end;
    structure.stats.sequence = end.sequence;
    structure.stats.watermark = end.clusterTime;
    await this.#checkMarks();
  }

  #mark(kind: Mark['kind'], seq: number, milestone: Milestone | undefined): void {
    this.#marks.push({ kind, seq, milestone });
  }

  async #checkMarks(): Promise<void> {
    while (!this.#endedBy) {
      const index = this.#marks.findIndex(({ seq }) => seq <= this.#cursor.seq);
      if (index < 0) return;
      const [mark] = this.#marks.splice(index, 1) as [Mark];
      if (!(await this.#deps.reached(mark, this.#cursor))) continue;
      this.#endedBy = mark.kind;
      this.#end.abort(interrupted('what the load was to reach is reached'));
    }
  }

  #observe(commit: Commit): void {
    const { stats } = this.#deps.structure;
    stats.streamSequence = commit.lastSequence ?? stats.streamSequence;
    const position = timeOf(commit.position);
    if (position !== null) stats.streamWatermark = position;
  }
}
