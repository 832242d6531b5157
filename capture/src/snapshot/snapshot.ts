/**
 * The snapshot: every collection of T0, cut into chunks, read by a few readers at once, largest
 * first.
 */

import { LinkedAbort } from '@waybill/shared/base/lifecycle';
import type { Logger } from '@waybill/shared/base/logger';
import { splitNamespace } from '@waybill/shared/base/record';
import { DEFAULT_RETRY, retry } from '@waybill/shared/base/retry';
import { type CaptureStats, collectionProgress, countEarlier } from '@waybill/shared/base/stats';
import type { CollectionDefinition } from '@waybill/shared/manifest/commit';
import type { MongoConnection } from '@waybill/shared/mongo/driver/connection';
import type { NamespaceFilter } from '@waybill/shared/mongo/facts/namespace-filter';
import { type PlannedCollection, planRanges } from '@waybill/shared/mongo/read/range-plan';
import PQueue from 'p-queue';
import type { Committer, SnapshotProgress } from '../commit/committer.ts';
import { milestone } from '../commit/milestone.ts';
import { pieces } from '../commit/pieces.ts';
import { type ChunkOptions, ChunkReader } from './chunk-reader.ts';
import { isScattered } from './id-locality.ts';
import { givesPositions } from './natural-reader.ts';
import { chunkPlans, type PendingChunk, snapshotWork, wholePlan } from './plan.ts';

export interface SnapshotOptions extends Omit<ChunkOptions, 'commit' | 'connection' | 'onRead'> {
  readonly connection: MongoConnection;
  /** What is to be read: more may be left out than when the collections were listed. */
  readonly filter: NamespaceFilter;
  readonly committer: Committer;
  readonly chunkSize: number;
  readonly readers: number;
  readonly stats: CaptureStats;
  readonly logger: Logger;
  /**
   * Nothing is left to be read; the last segments are still to be closed and committed. Called
   * again where something had to be read once more: the last call counts.
   */
  readonly onAllRead: () => void;
}

/** Chunks in one commit of a plan. */
const PLANS_IN_COMMIT = 100;

/**
 * Does what is left of the snapshot, from planning to the milestone `snapshot-completed`. Goes on
 * from any point: what is planned and what is done stands in the manifest.
 */
export async function runSnapshot(options: SnapshotOptions): Promise<void> {
  const { committer, stats, stop } = options;
  initialiseProgress(committer, stats);
  const { unplanned, pending } = snapshotWork(committer.state);
  const readers = new Readers(options);
  try {
    readers.add(pending);
    const isTaken = ({ namespace }: CollectionDefinition): boolean => options.filter.matches(namespace);
    const large = unplanned.filter((each) => isTaken(each) && each.bytes > options.chunkSize);
    for (const definition of large) readers.add(await planLarge(definition, options));
    const small = unplanned.filter((definition) => !large.includes(definition));
    for (const some of pieces(small, PLANS_IN_COMMIT)) readers.add(await planWhole(some, committer));
    readers.allAdded();
    await readers.finished();
  } catch (error) {
    await readers.stop();
    throw error;
  }
  stop.throwIfAborted();
  const { state } = committer;
  const completed = milestone('snapshot-completed', stats.watermark, state.lastSequence, {
    collections: [...state.collections.values()].filter(({ snapshot }) => snapshot).length,
    documents: state.totals.snapshotRecords,
    bytes: state.totals.snapshotDocumentBytes,
  });
  await committer.commit({ milestones: [completed] });
}

async function planLarge(
  definition: CollectionDefinition,
  options: SnapshotOptions,
): Promise<PendingChunk[]> {
  const { connection, committer, chunkSize, stop, logger } = options;
  const { database, collection: name } = splitNamespace(definition.namespace);
  const planned = {
    database,
    name,
    type: 'collection',
    uuid: definition.uuid === null ? null : Buffer.from(definition.uuid, 'hex'),
    capped: definition.capped,
    documents: definition.documents,
    bytes: definition.bytes,
  } as const;
  const plans = await retry(
    async () => {
      const { ranges, sampled } = await planRanges(connection, planned, {
        rangeBytes: chunkSize,
        signal: stop,
      });
      if (!(await isBetterNatural(connection, planned, sampled, stop))) {
        return chunkPlans(definition.namespace, ranges);
      }
      logger.info('its _ids are scattered; it is read in natural order', { namespace: definition.namespace });
      return [wholePlan(definition.namespace, true)];
    },
    DEFAULT_RETRY,
    { signal: stop },
  );
  // All of a collection's chunks in one commit: a plan that was cut by a crash would look whole.
  await committer.commit({ plan: plans });
  return plans.map((plan) => ({ definition, plan, progress: null, part: 0 }));
}

/**
 * By `_id` the server would jump about in the collection's file; and it can say where it is in
 * natural order.
 */
async function isBetterNatural(
  connection: MongoConnection,
  planned: PlannedCollection,
  sampled: readonly Buffer[],
  signal: AbortSignal,
): Promise<boolean> {
  if (!(await isScattered(connection, planned, sampled, signal))) return false;
  return givesPositions(connection, planned, signal);
}

async function planWhole(
  definitions: readonly CollectionDefinition[],
  committer: Committer,
): Promise<PendingChunk[]> {
  const chunks = definitions.map((definition) => ({
    definition,
    plan: wholePlan(definition.namespace),
    progress: null,
    part: 0,
  }));
  await committer.commit({ plan: chunks.map(({ plan }) => plan) });
  return chunks;
}

/** Chunk readers, a few at a time. The first failure stops the others. */
class Readers {
  readonly #options: SnapshotOptions;
  readonly #queue: PQueue;
  readonly #abort: LinkedAbort;
  /** Chunks of each collection that are not done. */
  readonly #left = new Map<string, number>();
  #unread = 0;
  #isAllAdded = false;
  #failure: { readonly error: unknown } | null = null;

  constructor(options: SnapshotOptions) {
    this.#options = options;
    this.#queue = new PQueue({ concurrency: options.readers });
    this.#abort = new LinkedAbort(options.stop);
  }

  add(chunks: readonly PendingChunk[]): void {
    this.#unread += chunks.length;
    for (const { plan } of chunks) {
      this.#left.set(plan.namespace, (this.#left.get(plan.namespace) ?? 0) + 1);
    }
    for (const chunk of chunks) {
      this.#queue.add(() => this.#read(chunk)).catch((error: unknown) => this.#fail(error));
    }
  }

  allAdded(): void {
    this.#isAllAdded = true;
    this.#tellAllRead();
  }

  /** Everything added is committed. */
  async finished(): Promise<void> {
    await this.#queue.onIdle();
    this.#abort[Symbol.dispose]();
    if (this.#failure) throw this.#failure.error;
  }

  async stop(): Promise<void> {
    this.#queue.clear();
    this.#abort.abort();
    await this.#queue.onIdle();
    this.#abort[Symbol.dispose]();
  }

  async #read(chunk: PendingChunk): Promise<void> {
    const stop = this.#abort.signal;
    if (stop.aborted) throw stop.reason;
    const commit = (progress: SnapshotProgress): Promise<void> => this.#commit(progress);
    const onRead = (isRead: boolean): void => {
      this.#unread += isRead ? -1 : 1;
      this.#tellAllRead();
    };
    const reader = new ChunkReader(chunk, { ...this.#options, commit, onRead, stop });
    await (this.#options.filter.matches(chunk.plan.namespace) ? reader.run() : reader.leaveOut());
  }

  #tellAllRead(): void {
    if (this.#isAllAdded && this.#unread === 0) this.#options.onAllRead();
  }

  /** The last chunk of a collection brings its milestone along. */
  async #commit(progress: SnapshotProgress): Promise<void> {
    const { committer, stats } = this.#options;
    const { namespace, done } = progress.chunk;
    if (!done) return committer.commitProgress(progress);
    const left = this.#left.get(namespace)! - 1;
    this.#left.set(namespace, left);
    await committer.commitProgress({ ...progress, completesCollection: left === 0 });
    if (left === 0) collectionProgress(stats, namespace).done = true;
  }

  #fail(error: unknown): void {
    this.#failure ??= { error };
    this.#queue.clear();
    this.#abort.abort();
  }
}

function initialiseProgress(committer: Committer, stats: CaptureStats): void {
  const { collections, chunks, snapshotSegments } = committer.state;
  for (const { namespace, snapshot, documents, bytes } of collections.values()) {
    if (!snapshot) continue;
    const progress = collectionProgress(stats, namespace);
    progress.documentsTotal = documents;
    progress.bytesTotal = bytes;
    const planned = chunks.get(namespace);
    progress.done = planned !== undefined && [...planned.values()].every((chunk) => chunk.progress?.done);
  }
  for (const segment of snapshotSegments) {
    countEarlier(collectionProgress(stats, segment.namespace ?? ''), segment);
  }
}
