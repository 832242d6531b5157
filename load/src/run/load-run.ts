/**
 * The steps of a load that is ours: snapshot, indexes, changes. What is done already is told by the
 * target's progress.
 */
import { hasCode, type WaybillError } from '@waybill/shared/base/errors';
import { interrupted, LinkedAbort, sleep } from '@waybill/shared/base/lifecycle';
import type { RetryOptions } from '@waybill/shared/base/retry';
import { collectionProgress, countEarlier } from '@waybill/shared/base/stats';
import type { Milestone, StreamIdentity } from '@waybill/shared/manifest/commit';
import { streamPrefix } from '@waybill/shared/manifest/keys';
import { readManifest } from '@waybill/shared/manifest/log';
import { milestoneOf } from '@waybill/shared/manifest/state';
import PQueue from 'p-queue';
import { Writer } from '../apply/writer.ts';
import { applyChanges, type Mark } from '../changes/changes-phase.ts';
import { hasReached, type LoadLog } from '../progress/load-log.ts';
import type { Ownership } from '../progress/ownership.ts';
import { type LaneCursor, type LoadedProgress, Progress, slowest } from '../progress/progress.ts';
import { assertStreamGoesOn } from '../progress/stream-goes-on.ts';
import { filterEvidence, filterText, type LoadFilter, takesOf } from '../settings/load-filter.ts';
import type { LoadSettings } from '../settings/load-settings.ts';
import { applySnapshot } from '../snapshot/snapshot-phase.ts';
import { type Blocked, blockedIn } from '../structure/blocked.ts';
import { retryBlocked } from '../structure/collections.ts';
import { attempt, type NamedIndex, type StructureContext } from '../structure/context.ts';
import { buildAllIndexes, countWanted, reportOf, settleIndexes } from '../structure/indexes.ts';
import { Registry } from '../structure/registry.ts';
import { RestoredIndexes } from '../structure/restored-indexes.ts';
import { assertStanding, markStanding } from '../structure/standing.ts';
import type { Target } from '../target/target.ts';
import type { LoadDeps, LoadResult } from './load-deps.ts';

/** How often our own log is looked at for a cutover, in milliseconds. */
const CUTOVER_POLL_MS = 1000;

export interface Taken {
  readonly identity: StreamIdentity;
  readonly filter: LoadFilter;
  readonly target: Target;
  readonly log: LoadLog;
  readonly ownership: Ownership;
}

/** What the steps work with. */
interface Tools {
  readonly structure: StructureContext;
  readonly restored: RestoredIndexes;
  readonly writer: Writer;
}

export interface LoadRunDeps extends LoadDeps {
  /** Of a read from the bucket that is made again. */
  readonly onReadAgain: RetryOptions['onRetry'];
}

export interface EndedRun {
  readonly result: LoadResult;
  /** Another process took the load over: a cutover perhaps. Nothing is under way any more. */
  readonly fenced?: WaybillError;
}

export class LoadRun {
  readonly #settings: LoadSettings;
  readonly #deps: LoadRunDeps;
  readonly #taken: Taken;
  readonly #progress: Progress;
  readonly #prefix: string;
  #cursor: LaneCursor | undefined;
  #reached: LoadResult['outcome'] | undefined;
  #fenced: WaybillError | undefined;

  constructor(settings: LoadSettings, deps: LoadRunDeps, taken: Taken) {
    this.#settings = settings;
    this.#deps = deps;
    this.#taken = taken;
    this.#prefix = streamPrefix(settings.stream);
    const { log, identity, target } = taken;
    const owner = { load: settings.load, epoch: log.epoch, lanes: identity.lanes };
    this.#progress = new Progress(target.progress, owner);
  }

  async run(): Promise<EndedRun> {
    const { logger, signal } = this.#deps;
    const structure = await this.#openStructure();
    try {
      const restored = new RestoredIndexes({
        ...structure,
        recordHeldBack: (index) => this.#recordHeldBack(index),
      });
      const writer = this.#openWriter(restored);
      const loaded = await attempt(structure, () => this.#progress.takeOver());
      const { log, filter } = this.#taken;
      logger.info('load taken over', {
        epoch: log.epoch,
        takes: filterText(filter),
        ...describe(loaded),
      });
      await this.#assertAllThere(structure, loaded);
      await this.#recordOnce('load-started', filterEvidence(filter));
      const changesFrom = await this.#snapshot(structure, writer, loaded);
      await this.#indexes(structure, loaded);
      if (this.#settings.until !== 'snapshot-applied') {
        await this.#changesUntilCutover({ structure, restored, writer }, loaded, changesFrom);
      }
      return { result: this.#result(this.#reached ?? 'snapshot-applied', structure) };
    } catch (error) {
      if (hasCode(error, 'LOAD_FENCED')) return { result: this.#result('stopped', structure), fenced: error };
      // A stop on request is how a load that follows its stream ends. Its cursors say how far it
      // came.
      if (!hasCode(error, 'INTERRUPTED') || !signal.aborted) throw error;
      logger.info('load stopped on request');
      return { result: this.#result('stopped', structure) };
    }
  }

  /** Of a load that has written something: what the bucket and the target must hold since. */
  async #assertAllThere(structure: StructureContext, loaded: LoadedProgress): Promise<void> {
    if (structure.registry.all().length === 0 && slowest(loaded.cursors).seq === 0) return;
    const { bucket, signal } = this.#deps;
    const stream = await readManifest(bucket, this.#prefix, { signal });
    await assertStreamGoesOn(bucket, this.#prefix, stream, loaded, signal);
    await assertStanding(structure, loaded, stream);
  }

  async #openStructure(): Promise<StructureContext> {
    const { target, ownership, filter } = this.#taken;
    const { stats, logger, signal } = this.#deps;
    const takes = takesOf(filter);
    const base = { target, ownership, takes, settings: this.#settings, stats, logger, signal };
    const registry = await attempt(base, () => Registry.open(target.progress, this.#settings.load));
    return { ...base, registry };
  }

  #openWriter(restored: RestoredIndexes): Writer {
    const { target, ownership } = this.#taken;
    const queue = new PQueue({ concurrency: this.#settings.workers });
    return new Writer({ ...this.#deps, target, ownership, indexes: restored, queue });
  }

  async #snapshot(
    structure: StructureContext,
    writer: Writer,
    { phases, cursors, finished }: LoadedProgress,
  ): Promise<LaneCursor> {
    const from = slowest(cursors);
    const { bucket, stats, logger, onReadAgain, signal } = this.#deps;
    for (const segment of finished) {
      const known = collectionProgress(stats, segment.namespace);
      countEarlier(known, segment);
      known.done = phases.snapshotApplied;
    }
    if (phases.snapshotApplied) {
      const documents = finished.reduce((sum, { records }) => sum + records, 0);
      await this.#recordOnce('snapshot-applied', { documents, segments: finished.length });
      return from;
    }
    stats.phase = 'snapshot';
    const { changesAfter, ...counts } = await applySnapshot({
      bucket,
      streamPrefix: this.#prefix,
      structure,
      writer,
      progress: this.#progress,
      finished,
      settings: this.#settings,
      filter: this.#taken.filter,
      onReadAgain,
      signal,
    });
    await markStanding(structure);
    // The cursors first: with the phase recorded nobody reads the stream from its beginning any
    // more.
    const start: LaneCursor = { ...from, ...changesAfter };
    await attempt(structure, () => this.#progress.advance(new Map(cursors.map((_, lane) => [lane, start]))));
    await attempt(structure, () => this.#progress.markPhase({ snapshotApplied: true }));
    logger.info('snapshot applied', counts);
    await this.#recordOnce('snapshot-applied', counts);
    return start;
  }

  async #indexes(structure: StructureContext, { phases }: LoadedProgress): Promise<void> {
    const { registry } = structure;
    const { stats } = this.#deps;
    await retryBlocked(structure);
    await settleIndexes(structure);
    const indexes = registry.all().flatMap((record) => record.indexes);
    stats.indexesTotal = countWanted(indexes);
    stats.indexesBuilt = indexes.filter(({ state }) => state === 'built').length;
    if (this.#settings.indexes !== 'after-snapshot') return;
    if (phases.indexesBuilt && !indexes.some(({ state }) => state === 'waiting')) {
      return this.#recordOnce('indexes-built', countVerdicts(structure));
    }
    await this.#buildIndexes(structure);
  }

  async #buildIndexes(structure: StructureContext): Promise<void> {
    const { stats, logger } = this.#deps;
    stats.phase = 'indexes';
    const began = performance.now();
    const namespaces = structure.registry.all().map(({ namespace }) => namespace);
    await buildAllIndexes(structure, namespaces);
    await attempt(structure, () => this.#progress.markPhase({ indexesBuilt: true }));
    const counts = countVerdicts(structure);
    logger.info('indexes built', { ...counts, seconds: Math.round((performance.now() - began) / 100) / 10 });
    await this.#recordOnce('indexes-built', counts);
  }

  /**
   * A cutover takes our log over, when everything that it waits for is applied. Then what is in
   * hand is ended, and nothing new begun.
   */
  async #changesUntilCutover(tools: Tools, loaded: LoadedProgress, from: LaneCursor): Promise<void> {
    using end = new LinkedAbort(this.#deps.signal);
    const watching = this.#watchForCutover(end);
    try {
      await this.#changes(tools, loaded, from, end.signal);
    } catch (error) {
      if (!hasCode(error, 'INTERRUPTED')) throw error;
      if (this.#fenced) throw this.#fenced;
      if (this.#reached !== 'cut-over') throw error;
      this.#deps.logger.info('load ends: it has been cut over');
    } finally {
      end.abort(interrupted('no changes are applied any more'));
      await watching;
    }
  }

  /**
   * A cutover that was recorded first has its indexes proven: they stay, and the load ends as at
   * any cutover.
   */
  async #recordHeldBack({ namespace, index }: NamedIndex): Promise<void> {
    const { log } = this.#taken;
    await log.record('indexes-built', this.#cursor ?? null, { heldBackAgain: true, namespace, index });
    if (!log.latest('cutover')) return;
    this.#reached = 'cut-over';
    throw interrupted('the load has been cut over');
  }

  async #watchForCutover(end: LinkedAbort): Promise<void> {
    const { log } = this.#taken;
    const { logger } = this.#deps;
    while (!end.signal.aborted) {
      try {
        await sleep(CUTOVER_POLL_MS, end.signal);
        await log.poll(end.signal);
      } catch (error) {
        if (hasCode(error, 'LOAD_FENCED')) {
          this.#fenced = error;
          end.abort(interrupted('another process has taken the load over'));
        } else if (!end.signal.aborted) {
          logger.warnThrottled('the log of the load could not be read', { err: error });
        }
        continue;
      }
      if (!log.latest('cutover')) continue;
      this.#reached = 'cut-over';
      end.abort(interrupted('the load has been cut over'));
    }
  }

  async #changes(tools: Tools, loaded: LoadedProgress, from: LaneCursor, signal: AbortSignal): Promise<void> {
    const { bucket, stats, onReadAgain } = this.#deps;
    stats.phase = 'changes';
    this.#cursor = from;
    stats.sequence = from.sequence;
    stats.watermark = from.clusterTime;
    const head = await readManifest(bucket, this.#prefix, { signal });
    const snapshotJustApplied = !loaded.phases.snapshotApplied;
    await applyChanges(
      {
        bucket,
        streamPrefix: this.#prefix,
        identity: this.#taken.identity,
        ...tools,
        progress: this.#progress,
        settings: this.#settings,
        onReadAgain,
        signal,
        reached: (mark, cursor) => this.#reach(tools.structure, mark, cursor),
      },
      {
        from,
        cursors: snapshotJustApplied ? loaded.cursors.map(() => from) : loaded.cursors,
        barrier: loaded.barrier,
        caughtUp: milestoneOf(head, 'caught-up') !== undefined,
        drained: milestoneOf(head, 'drained'),
        head: head.seq,
      },
    );
  }

  async #reach(structure: StructureContext, mark: Mark, cursor: LaneCursor): Promise<boolean> {
    const { until, indexes } = this.#settings;
    const { logger, stats } = this.#deps;
    this.#cursor = cursor;
    logger.info('load reached', { milestone: mark.kind, sequence: cursor.sequence });
    switch (mark.kind) {
      case 'caught-up':
        await this.#taken.log.record('caught-up', cursor);
        break;
      case 'drained':
        if (indexes === 'last') await this.#buildIndexes(structure);
        stats.phase = 'changes';
        await this.#recordDrained(mark.milestone, cursor);
        break;
      case 'closed':
        this.#reached = 'stream-closed';
        return true;
    }
    if (until !== mark.kind) return false;
    this.#reached = until;
    return true;
  }

  /** With the stream's own time, so that whoever waits for a drain knows which one this is. */
  async #recordDrained(milestone: Milestone | undefined, cursor: LaneCursor): Promise<void> {
    const streamTime = milestone?.clusterTime ?? null;
    if (this.#taken.log.latest('drained')?.evidence?.streamClusterTime === streamTime) return;
    await this.#taken.log.record('drained', cursor, { streamClusterTime: streamTime });
  }

  /**
   * Milestones of the load as a whole: a crash between the fact and its milestone is made good by
   * the next run.
   */
  async #recordOnce(
    name: 'indexes-built' | 'load-started' | 'snapshot-applied',
    evidence: Milestone['evidence'],
  ): Promise<void> {
    const { log } = this.#taken;
    if (hasReached(log.state, name)) return;
    await log.record(name, this.#cursor ?? null, evidence);
  }

  #result(outcome: LoadResult['outcome'], { registry, stats }: StructureContext): LoadResult {
    return {
      outcome,
      epoch: this.#taken.log.epoch,
      sequence: stats.sequence,
      watermark: stats.watermark,
      indexes: registry.all().flatMap(reportOf),
      blocked: registry.all().flatMap(blockedIn).filter(isNoIndex),
    };
  }
}

/** Those are reported among the indexes. */
function isNoIndex({ kind }: Blocked): boolean {
  return kind !== 'index';
}

function describe({ phases, cursors, finished }: LoadedProgress): Record<string, unknown> {
  return { ...phases, commit: slowest(cursors).seq, finishedSegments: finished.length };
}

function countVerdicts({ registry }: StructureContext): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const record of registry.all()) {
    for (const { verdict } of reportOf(record)) counts[verdict] = (counts[verdict] ?? 0) + 1;
  }
  return counts;
}
