/**
 * A load: one stream into one target. In order: take the load over (its log, then the target), snapshot, indexes, changes.
 * Every step finds out from the target what is done already, so that a load that was killed anywhere goes on there.
 */
import type { Bucket } from '@waybill/shared/bucket/bucket';
import { hasCode, WaybillError } from '@waybill/shared/errors';
import { LinkedAbort } from '@waybill/shared/lifecycle';
import type { Logger } from '@waybill/shared/logger';
import type { Milestone, StreamIdentity } from '@waybill/shared/manifest/commit';
import { readStream } from '@waybill/shared/manifest/identity';
import { streamPrefix } from '@waybill/shared/manifest/keys';
import { readManifest } from '@waybill/shared/manifest/log';
import { milestoneOf } from '@waybill/shared/manifest/state';
import type { Metrics } from '@waybill/shared/metrics';
import type { MongoConnection } from '@waybill/shared/mongo/connection';
import type { ClusterTime } from '@waybill/shared/position';
import type { RetryOptions } from '@waybill/shared/retry';
import { collectionProgress, type LoadStats } from '@waybill/shared/stats';
import PQueue from 'p-queue';
import { Writer } from './apply/writer.ts';
import { applyChanges, type Mark } from './changes/changes-phase.ts';
import { LoadLog } from './progress/load-log.ts';
import { Ownership } from './progress/ownership.ts';
import { type LaneCursor, type LoadedProgress, Progress, slowest } from './progress/progress.ts';
import { streamIdentityText } from './progress/stream-identity.ts';
import type { LoadSettings } from './settings.ts';
import { applySnapshot } from './snapshot/snapshot-phase.ts';
import { RetryingBucket } from './source/retrying-bucket.ts';
import { attempt, type StructureContext } from './structure/context.ts';
import { buildAllIndexes, type IndexReport, reportOf } from './structure/indexes.ts';
import { Registry } from './structure/registry.ts';
import { openMongodbTarget } from './target/mongodb.ts';
import type { Target } from './target/target.ts';

export interface LoadDeps {
  readonly bucket: Bucket;
  readonly target: MongoConnection;
  readonly logger: Logger;
  readonly metrics: Metrics;
  readonly stats: LoadStats;
  /** Stops the load: what is in flight ends, progress is written, ownership is given up. */
  readonly signal: AbortSignal;
}

export interface LoadResult {
  /** Why it ended: what `until` asked for, a request to stop, or the end of the stream. */
  readonly outcome: 'snapshot-applied' | 'caught-up' | 'drained' | 'stopped' | 'stream-closed';
  readonly epoch: number;
  /** Everything up to here is applied. */
  readonly sequence: number;
  readonly watermark: ClusterTime | null;
  readonly indexes: readonly IndexReport[];
}

/** @throws STREAM_MISSING, LOAD_FOREIGN, LOAD_FENCED, TARGET_*, SEGMENT_CORRUPT, MANIFEST_CORRUPT, FORMAT_UNSUPPORTED, … */
export async function runLoad(settings: LoadSettings, deps: LoadDeps): Promise<LoadResult> {
  const { signal, stats } = deps;
  const logger = deps.logger.child({ component: 'load', stream: settings.stream, load: settings.load });
  const bucket = new RetryingBucket(deps.bucket, retryNotice({ ...deps, logger }));
  stats.phase = 'starting';
  const identity = await readStream(bucket, streamPrefix(settings.stream), { signal });
  assertLoadable(identity, settings);
  const target = await openMongodbTarget(deps.target, { ...settings, signal });
  const log = await LoadLog.acquire({ bucket, ...settings, signal });
  const ownership = await Ownership.acquire(
    { ...settings, stream: streamIdentityText(identity), epoch: log.epoch },
    { target, logger, signal },
  );
  try {
    using stop = new LinkedAbort(signal, ownership.fenced);
    const run = new LoadRun(
      settings,
      { ...deps, bucket, logger, signal: stop.signal },
      {
        identity,
        target,
        log,
        ownership,
      },
    );
    return await run.run();
  } finally {
    stats.phase = 'done';
    await ownership.release();
    await log.close();
  }
}

interface Taken {
  readonly identity: StreamIdentity;
  readonly target: Target;
  readonly log: LoadLog;
  readonly ownership: Ownership;
}

class LoadRun {
  readonly #settings: LoadSettings;
  readonly #deps: LoadDeps;
  readonly #taken: Taken;
  readonly #progress: Progress;
  readonly #prefix: string;
  #cursor: LaneCursor | undefined;
  #reached: LoadResult['outcome'] | undefined;

  constructor(settings: LoadSettings, deps: LoadDeps, taken: Taken) {
    this.#settings = settings;
    this.#deps = deps;
    this.#taken = taken;
    this.#prefix = streamPrefix(settings.stream);
    const { log, identity, target } = taken;
    const owner = { load: settings.load, epoch: log.epoch, lanes: identity.lanes };
    this.#progress = new Progress(target.progress, owner);
  }

  async run(): Promise<LoadResult> {
    const { logger, signal } = this.#deps;
    const structure = await this.#openStructure();
    try {
      const writer = this.#openWriter();
      const loaded = await attempt(structure, () => this.#progress.takeOver());
      logger.info('load taken over', { epoch: this.#taken.log.epoch, ...describe(loaded) });
      await this.#recordOnce('load-started', {});
      const changesFrom = await this.#snapshot(structure, writer, loaded);
      await this.#indexes(structure, loaded);
      if (this.#settings.until !== 'snapshot-applied') {
        await this.#changes(structure, writer, loaded, changesFrom);
      }
      return this.#result(this.#reached ?? 'snapshot-applied', structure);
    } catch (error) {
      // A stop on request is how a load that follows its stream ends. Its cursors say how far it came.
      if (!hasCode(error, 'INTERRUPTED') || !signal.aborted) throw error;
      logger.info('load stopped on request');
      return this.#result('stopped', structure);
    }
  }

  async #openStructure(): Promise<StructureContext> {
    const { target, ownership } = this.#taken;
    const { stats, logger, signal } = this.#deps;
    const base = { target, ownership, settings: this.#settings, stats, logger, signal };
    const registry = await attempt(base, () => Registry.open(target.progress, this.#settings.load));
    return { ...base, registry };
  }

  #openWriter(): Writer {
    const { target, ownership } = this.#taken;
    const queue = new PQueue({ concurrency: this.#settings.workers });
    return new Writer({ ...this.#deps, target, ownership, queue });
  }

  async #snapshot(
    structure: StructureContext,
    writer: Writer,
    { phases, cursors, finished }: LoadedProgress,
  ): Promise<LaneCursor> {
    const from = slowest(cursors);
    const { bucket, stats, logger, signal } = this.#deps;
    for (const { namespace, records, documentBytes } of finished) {
      const known = collectionProgress(stats, namespace);
      known.documents += records;
      known.bytes += documentBytes;
      known.done = phases.snapshotApplied;
    }
    if (phases.snapshotApplied) return from;
    stats.phase = 'snapshot';
    const { changesAfter, ...counts } = await applySnapshot({
      bucket,
      streamPrefix: this.#prefix,
      structure,
      writer,
      progress: this.#progress,
      finished,
      settings: this.#settings,
      signal,
    });
    // The cursors first: with the phase recorded nobody reads the stream from its beginning any more.
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
    const indexes = registry.all().flatMap((record) => record.indexes);
    stats.indexesTotal = indexes.length;
    stats.indexesBuilt = indexes.filter(({ state }) => state === 'built').length;
    if (this.#settings.indexes !== 'after-snapshot') return;
    if (phases.indexesBuilt && !indexes.some(({ state }) => state === 'waiting')) return;
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

  async #changes(
    structure: StructureContext,
    writer: Writer,
    loaded: LoadedProgress,
    from: LaneCursor,
  ): Promise<void> {
    const { bucket, stats, signal } = this.#deps;
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
        structure,
        writer,
        progress: this.#progress,
        settings: this.#settings,
        signal,
        reached: (mark, cursor) => this.#reach(structure, mark, cursor),
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

  /** Milestones of the load as a whole: a crash between the fact and its milestone is made good by the next run. */
  async #recordOnce(
    name: 'indexes-built' | 'load-started' | 'snapshot-applied',
    evidence: Milestone['evidence'],
  ): Promise<void> {
    const { log } = this.#taken;
    if (log.latest(name)) return;
    await log.record(name, this.#cursor ?? null, evidence);
  }

  #result(outcome: LoadResult['outcome'], { registry, stats }: StructureContext): LoadResult {
    return {
      outcome,
      epoch: this.#taken.log.epoch,
      sequence: stats.sequence,
      watermark: stats.watermark,
      indexes: registry.all().flatMap(reportOf),
    };
  }
}

function assertLoadable(
  { images, stream }: StreamIdentity,
  { progressDatabase, ...settings }: LoadSettings,
): void {
  if (images === 'none') {
    throw new WaybillError('FORMAT_UNSUPPORTED', `stream ${stream} was captured without document images`, {
      hint: 'A load needs whole documents: capture with --images=lookup or --images=post into a new stream.',
      context: { stream, load: settings.load },
    });
  }
  if (['admin', 'config', 'local', ''].includes(progressDatabase)) {
    throw new WaybillError('CONFIG_INVALID', `progress cannot be kept in the database ${progressDatabase}`);
  }
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

function retryNotice({ stats, metrics, logger }: LoadDeps): RetryOptions['onRetry'] {
  return (error, tries, delayMs) => {
    stats.retries++;
    metrics.retries.inc({ code: error instanceof WaybillError ? error.code : 'INTERNAL' });
    logger.warnThrottled('a read from the bucket is tried again', { err: error, attempt: tries, delayMs });
  };
}
