/**
 * Applies changes, from the cursors on, until stopped or until the load reaches what was asked for.
 *
 * Commits are gathered into windows while there are more to read: being behind makes windows large,
 * and coalescing wins. At the head the window goes off at once: being close makes windows small and
 * quick. A commit of structure changes is a barrier: every lane reaches it and its cursor is
 * written before the first event is applied. Each event is recorded when it is done, and then the
 * cursors pass it. A crash at any point repeats at most the event in hand.
 */

import { interrupted, LinkedAbort } from '@waybill/shared/base/lifecycle';
import type { ChainedCommit } from '@waybill/shared/manifest/codec';
import type { Commit, DdlEvent } from '@waybill/shared/manifest/commit';
import type { LogPoint } from '@waybill/shared/manifest/known-head';
import { timeOf } from '@waybill/shared/manifest/position';
import { isBehind, type LaneCursor } from '../progress/progress.ts';
import type { Moment } from '../settings/load-settings.ts';
import { feed } from '../source/feed.ts';
import { attempt } from '../structure/context.ts';
import type { ChangesDeps, ChangesStart } from './changes-deps.ts';
import { Expectation } from './expectation.ts';
import { type Mark, Marks } from './marks.ts';
import { assertNotPast, cursorAt, isReached, isUpTo, lastSequence, type Share, shareOf } from './moment.ts';
import { Pipeline } from './pipeline.ts';
import { Scopes } from './scopes.ts';
import { StructureChanges } from './structure-changes.ts';
import { Turns } from './turns.ts';
import { cursorAfter, WindowBuilder } from './window.ts';

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
  readonly #structure: StructureChanges;
  readonly #marks: Marks;
  readonly #placementsSeen: number;
  #builder: WindowBuilder;
  #cursor: LaneCursor;
  #caughtUp: boolean;
  #waitsForCaughtUp = true;
  /** The commits, and requests between them. */
  readonly #turns = new Turns();
  #isServing = false;
  #failure: { readonly error: unknown } | undefined;

  constructor(deps: ChangesDeps, start: ChangesStart) {
    this.#deps = deps;
    this.#start = start;
    this.#end = new LinkedAbort(deps.signal);
    this.#cursor = start.from;
    this.#builder = new WindowBuilder(start.from);
    this.#caughtUp = start.caughtUp;
    this.#marks = new Marks(deps.reached);
    const { bucket, streamPrefix, identity, structure, settings, writer, onRefused, onReadAgain } = deps;
    const { placements } = deps;
    this.#scopes = new Scopes(structure, placements, identity);
    this.#placementsSeen = placements.changes;
    this.#structure = new StructureChanges(deps, start.barrier);
    this.#pipeline = new Pipeline({
      bucket,
      streamPrefix,
      settings,
      writer,
      onRefused,
      letters: deps.letters,
      // A wrong insert is repeated alone. A missing document has its whole batch repeated.
      expected: { new: new Expectation(0.1), existing: new Expectation(0) },
      takes: structure.takes,
      stats: structure.stats,
      logger: structure.logger,
      onReadAgain,
      cursors: start.cursors,
      windows: settings.windows,
      bytes: settings.windowBytes,
      scopeOf: (namespace, collectionUuid) => this.#scopes.of(namespace, collectionUuid),
      advance: (end) => this.#advance(end),
      onOpenImages: (documents) => this.#tellOpenImages(documents),
      signal: this.#end.signal,
    });
    deps.gate.endWith(this.#pipeline.signal);
  }

  get endedBy(): Mark['kind'] | null {
    return this.#marks.endedBy;
  }

  get failure(): { readonly error: unknown } | undefined {
    return this.#pipeline.failure ?? this.#failure;
  }

  async settle(): Promise<void> {
    await this.#turns.settle();
    await this.#pipeline.settle();
  }

  async run(): Promise<never> {
    const { bucket, streamPrefix, settings, onReadAgain, moment } = this.#deps;
    const { from, cursors, head, drained } = this.#start;
    if (moment) {
      assertNotPast(moment, cursors);
      if (isReached(moment, from)) await this.#endAtMoment();
    }
    if (drained) this.#marks.add('drained', head, drained);
    const { service } = this.#deps;
    service.listen(() => this.#serve());
    if (service.isAsked) this.#serve();
    const after: LogPoint = from;
    const { pollMs, idlePoll } = settings;
    const options = { after, pollMs, idlePoll, onRetry: onReadAgain, signal: this.#pipeline.signal };
    for await (const item of feed(bucket, streamPrefix, options)) {
      await this.#turns.take(() =>
        item.kind === 'head' ? this.#atHead(item.seq) : this.#take(item.next, moment),
      );
    }
    throw new Error('a feed has no end');
  }

  /** Between two commits, with every lane through. */
  #serve(): void {
    if (this.#isServing) return;
    this.#isServing = true;
    const serving = this.#turns.take(async () => {
      await this.#pipeline.drain();
      await this.#deps.service.serve();
      this.#isServing = false;
    });
    serving.catch((error: unknown) => {
      this.#failure ??= { error };
      this.#end.abort(interrupted('a request about dead letters failed'));
    });
  }

  async #take(next: ChainedCommit, moment: Moment | null): Promise<void> {
    const { commit } = next;
    const { end } = this.#builder;
    this.#observe(commit);
    const share = moment === null ? 'whole' : shareOf(commit, moment, end);
    if (moment !== null && share !== 'whole') return this.#takePart(next, moment, share);
    if (commit.ddl) await this.#applyBarrier(next, commit.ddl);
    else await this.#takeChanges(next);
    this.#takeMilestones(commit);
    if (moment === null || !isReached(moment, this.#builder.end)) return;
    if (!this.#builder.isEmpty) await this.#dispatch();
    await this.#endAtMoment();
  }

  async #takeChanges(next: ChainedCommit): Promise<void> {
    const { commit } = next;
    await this.#structure.ensureDefined(commit.collections);
    this.#pipeline.expect(commit);
    if (!this.#builder.hasRoomFor(next, this.#deps.settings.windowBytes)) await this.#dispatch();
    this.#builder.add(next);
  }

  #takeMilestones({ seq, milestones = [] }: Commit): void {
    for (const milestone of milestones) {
      if (milestone.name === 'caught-up') this.#caughtUp = true;
      if (milestone.name === 'drained') this.#marks.add('drained', seq, milestone);
      if (milestone.name === 'stream-closed') this.#marks.add('closed', seq, milestone);
      if (milestone.name === 'history-lost') {
        this.#deps.structure.logger.warn(
          'the capture lost its place in the source: this stream cannot go on',
          { clusterTime: milestone.clusterTime },
        );
      }
    }
  }

  /**
   * Takes the commit in which the moment lies, or the first one after it. The cursor stays at the
   * commit before. The barrier notes structure changes of this commit that are done; the cursor's
   * sequence notes its changes.
   */
  async #takePart(next: ChainedCommit, moment: Moment, share: Share): Promise<void> {
    const { commit } = next;
    if (!this.#builder.isEmpty) await this.#dispatch();
    await this.#pipeline.drain();
    const before = this.#builder.end;
    if (share === 'part' && commit.ddl) {
      await this.#applyEvents(
        commit.seq,
        commit.ddl.filter((event) => isUpTo(moment, event)),
      );
    }
    let sequence = before.sequence;
    if (share === 'part' && !commit.ddl) {
      await this.#structure.ensureDefined(commit.collections);
      const search = { ...this.#deps, signal: this.#pipeline.signal };
      sequence = Math.max(sequence, await lastSequence(search, commit, moment, before));
    }
    this.#builder.addPart(next, cursorAt(moment, before, sequence));
    await this.#dispatch();
    await this.#endAtMoment();
  }

  async #endAtMoment(): Promise<void> {
    await this.#pipeline.drain();
    this.#marks.add('moment', this.#cursor.seq);
    await this.#checkMarks();
  }

  async #atHead(seq: number): Promise<void> {
    if (!this.#builder.isEmpty) await this.#dispatch();
    if (this.#caughtUp && this.#waitsForCaughtUp) {
      // The capture had caught up before this head was read, so whoever passes it has caught up.
      this.#waitsForCaughtUp = false;
      this.#marks.add('caught-up', seq);
    }
    // With nothing under way, no later cursor would check the marks.
    if (!this.#marks.isEmpty && this.#cursor.seq >= seq) {
      await this.#pipeline.drain();
      await this.#checkMarks();
    }
  }

  async #dispatch(): Promise<void> {
    await this.#pipeline.dispatch(this.#builder.take());
  }

  async #applyBarrier(next: ChainedCommit, events: readonly DdlEvent[]): Promise<void> {
    const { settings } = this.#deps;
    const { seq, collections = [] } = next.commit;
    if (!this.#builder.isEmpty) await this.#dispatch();
    await this.#pipeline.drain();
    await this.#applyEvents(seq, events);
    if (settings.ddl === 'apply') await this.#structure.ensureDefined(collections);
    const end = cursorAfter(this.#cursor, next);
    this.#builder = new WindowBuilder(end);
    await this.#advance(end);
  }

  async #applyEvents(seq: number, events: readonly DdlEvent[]): Promise<void> {
    await this.#structure.applyEvents(seq, events);
    this.#scopes.clear();
  }

  async #advance(end: LaneCursor): Promise<void> {
    await this.#deps.placements.assertUnchanged(this.#placementsSeen);
    const { progress, structure, letters } = this.#deps;
    const { cursors } = this.#start;
    await letters.flush();
    // A crash while the cursors were being written may have left a lane ahead: it stays there.
    const others = [...cursors.keys()].filter((lane) => !isBehind(end, cursors[lane]!));
    if (others.length > 0) {
      const moved = new Map(others.map((lane) => [lane, end]));
      await attempt(structure, () => progress.advance(moved));
    }
    this.#cursor = end;
    structure.stats.sequence = end.sequence;
    structure.stats.watermark = end.clusterTime;
    await this.#checkMarks();
  }

  async #checkMarks(): Promise<void> {
    if (await this.#marks.check(this.#cursor)) {
      this.#end.abort(interrupted('what the load was to reach is reached'));
    }
  }

  #observe(commit: Commit): void {
    const { stats } = this.#deps.structure;
    stats.streamSequence = commit.lastSequence ?? stats.streamSequence;
    const position = timeOf(commit.position);
    if (position !== null) stats.streamWatermark = position;
  }

  #tellOpenImages(documents: number): void {
    this.#deps.structure.logger.warn(
      'the stream does not hold the state of some documents at this moment: they stay as they were before',
      { documents },
    );
  }
}
