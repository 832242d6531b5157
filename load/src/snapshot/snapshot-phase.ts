/**
 * Brings the snapshot to the target: collections first, then their documents, segments in any order
 * and side by side, while the capture may still be writing them. Views come last, when everything
 * they stand on is there.
 *
 * A finished segment is recorded after its last document was acknowledged. A crash before that
 * repeats the segment, and replaces its documents that stand there already. The segments of a
 * capped collection are loaded one after the other, since their order is data.
 */

import { LinkedAbort } from '@waybill/shared/base/lifecycle';
import type { RetryOptions } from '@waybill/shared/base/retry';
import { collectionProgress } from '@waybill/shared/base/stats';
import type { Bucket } from '@waybill/shared/bucket/bucket';
import { ReadAhead } from '@waybill/shared/bucket/read-ahead';
import type { CollectionDefinition, Commit, SegmentEntry } from '@waybill/shared/manifest/commit';
import { segmentKey } from '@waybill/shared/manifest/keys';
import type { LogPoint } from '@waybill/shared/manifest/known-head';
import { timeOf } from '@waybill/shared/manifest/position';
import { unmatchedPatterns } from '@waybill/shared/mongo/facts/unmatched';
import { segmentReads } from '@waybill/shared/segment/read/fetch-segment';
import type { RefusalPolicy } from '../apply/refusal.ts';
import type { Writer } from '../apply/writer.ts';
import { sideBySide } from '../base/side-by-side.ts';
import { type FinishedSegment, type Progress, START } from '../progress/progress.ts';
import type { LoadFilter } from '../settings/load-filter.ts';
import type { LoadSettings } from '../settings/load-settings.ts';
import { feed } from '../source/feed.ts';
import { ensureCollection, ensureViews, plainCollection, wantedOf } from '../structure/collections.ts';
import { attempt, type StructureContext } from '../structure/context.ts';
import { isCapped, NO_OPTIONS } from '../structure/options.ts';
import type { CollectionRecord } from '../structure/registry.ts';
import { applySegment } from './apply-segment.ts';

export interface SnapshotDeps {
  readonly bucket: Bucket;
  readonly streamPrefix: string;
  readonly structure: StructureContext;
  readonly writer: Writer;
  readonly onRefused: RefusalPolicy;
  readonly progress: Progress;
  readonly finished: readonly FinishedSegment[];
  readonly settings: LoadSettings;
  readonly filter: LoadFilter;
  readonly onReadAgain: RetryOptions['onRetry'];
  readonly signal: AbortSignal;
}

export interface SnapshotResult {
  /** The point before the first commit that holds changes: the changes are read from there. */
  readonly changesAfter: LogPoint;
  readonly documents: number;
  readonly segments: number;
  readonly collections: number;
}

/** Options of most collections, in base64. */
const PLAIN = NO_OPTIONS.toString('base64');
/** Every server takes names of this many bytes. */
const SHORT_NAMESPACE = 100;

export async function applySnapshot(deps: SnapshotDeps): Promise<SnapshotResult> {
  const work = new SnapshotWork(deps);
  try {
    for await (const item of feed(deps.bucket, deps.streamPrefix, {
      after: START,
      pollMs: deps.settings.pollMs,
      idlePoll: deps.settings.idlePoll,
      onRetry: deps.onReadAgain,
      signal: work.signal,
    })) {
      if (item.kind === 'head') continue;
      const isLast = await work.take(item.next.commit);
      work.passed({ seq: item.next.commit.seq, hash: item.next.hash });
      if (isLast) break;
    }
    return await work.finish();
  } catch (error) {
    await work.settle();
    // If a segment failed, that is why reading was stopped.
    throw work.failure?.error ?? error;
  }
}

/**
 * A small collection mostly waits: its creation, its documents and its progress reach a majority
 * one after the other. So this many are under way at once. Together they hold less than one large
 * segment.
 */
const SMALL_AT_ONCE = 8;
const SMALL_SEGMENT_BYTES = 1 << 20;

class SnapshotWork {
  readonly #deps: SnapshotDeps;
  readonly #abort: LinkedAbort;
  readonly #ahead: ReadAhead;
  readonly #inventory = new Map<string, CollectionDefinition>();
  readonly #ensured = new Map<string, Promise<CollectionRecord>>();
  readonly #finished: Set<string>;
  readonly #running = new Set<Promise<void>>();
  /** The shares of the segments under way. */
  #taken = 0;
  /** The last segment of each capped collection: the next one waits for it. */
  readonly #tails = new Map<string, Promise<void>>();
  #failure: { readonly error: unknown } | undefined;
  #changesAfter: LogPoint = START;
  #changesSeen = false;
  #doubtsSettled = false;
  #documents = 0;
  #segments = 0;

  constructor(deps: SnapshotDeps) {
    this.#deps = deps;
    this.#abort = new LinkedAbort(deps.signal);
    const bytes = deps.settings.readAheadBytes;
    this.#ahead = new ReadAhead(deps.bucket, { bytes, signal: this.#abort.signal });
    this.#finished = new Set(deps.finished.map(({ key }) => key));
  }

  get signal(): AbortSignal {
    return this.#abort.signal;
  }

  get failure(): { readonly error: unknown } | undefined {
    return this.#failure;
  }

  /**
   * Starts what the commit asks for, and waits while too much is under way. True for the commit
   * that ends the snapshot.
   */
  async take(commit: Commit): Promise<boolean> {
    const { stats, takes } = this.#deps.structure;
    stats.streamSequence = commit.lastSequence ?? stats.streamSequence;
    if (commit.position) stats.streamWatermark = timeOf(commit.position);
    if (commit.collections && !commit.ddl) this.#takeInventory(commit.collections);
    const segments = commit.segments ?? [];
    this.#changesSeen ||= commit.ddl !== undefined || segments.some(({ kind }) => kind === 'changes');
    // The load does not even fetch what it does not take.
    const taken = segments.filter(({ kind, namespace }) => kind === 'snapshot' && takes(namespace ?? ''));
    for (const { records } of taken) this.#documents += records;
    this.#segments += taken.length;
    const left = taken.filter(({ key }) => !this.#finished.has(key));
    // These are fetched while those before them are applied.
    for (const entry of left) this.#expect(entry);
    if (left.length > 0) await this.#ensureDoubtful();
    for (const entry of left) await this.#start(entry);
    return commit.milestones?.some(({ name }) => name === 'snapshot-completed') ?? false;
  }

  passed(point: LogPoint): void {
    if (!this.#changesSeen) this.#changesAfter = point;
  }

  /** Fulfilled when everything is on the target, empty collections and views included. */
  async finish(): Promise<SnapshotResult> {
    await this.settle();
    if (this.#failure) throw this.#failure.error;
    const definitions = [...this.#inventory.values()];
    this.#warnOfUnmatched(definitions);
    const collections = definitions.filter(({ type, snapshot }) => type === 'collection' && snapshot);
    await sideBySide(collections, SMALL_AT_ONCE, async ({ namespace }) => {
      await this.#ensure(namespace);
      collectionProgress(this.#deps.structure.stats, namespace).done = true;
    });
    await ensureViews(this.#deps.structure, definitions.filter(({ type }) => type === 'view').map(wantedOf));
    return {
      changesAfter: this.#changesAfter,
      documents: this.#documents,
      segments: this.#segments,
      collections: collections.length,
    };
  }

  /**
   * Makes collections that a server may refuse before the first document is written, and not after
   * the copy. Another load that leaves one out then finds nothing in its way.
   */
  async #ensureDoubtful(): Promise<void> {
    if (this.#doubtsSettled) return;
    this.#doubtsSettled = true;
    const definitions = [...this.#inventory.values()];
    const doubtful = definitions.filter(
      ({ namespace, type, snapshot, options }) =>
        type === 'collection' &&
        snapshot &&
        (options !== PLAIN || Buffer.byteLength(namespace) > SHORT_NAMESPACE),
    );
    await sideBySide(doubtful, SMALL_AT_ONCE, ({ namespace }) => this.#ensure(namespace));
    await ensureViews(this.#deps.structure, definitions.filter(({ type }) => type === 'view').map(wantedOf));
  }

  /** No error: the name may come into being later. */
  #warnOfUnmatched(definitions: readonly CollectionDefinition[]): void {
    const { filter, structure } = this.#deps;
    const namespaces = definitions.map(({ namespace }) => namespace);
    for (const include of unmatchedPatterns(filter.include, namespaces)) {
      structure.logger.warn('--include names nothing that the stream began with', { include });
    }
  }

  /** Waits for what is under way, whatever becomes of it. */
  async settle(): Promise<void> {
    while (this.#running.size > 0) await Promise.all(this.#running);
  }

  /**
   * The first definition of a name belongs to T0. A later one describes where the stream's own
   * events lead.
   */
  #takeInventory(definitions: readonly CollectionDefinition[]): void {
    for (const definition of definitions) {
      if (this.#inventory.has(definition.namespace)) continue;
      if (!this.#deps.structure.takes(definition.namespace)) continue;
      this.#inventory.set(definition.namespace, definition);
      if (definition.type !== 'collection' || !definition.snapshot) continue;
      const { stats } = this.#deps.structure;
      const progress = collectionProgress(stats, definition.namespace);
      progress.documentsTotal = definition.documents;
      progress.bytesTotal = definition.bytes;
    }
  }

  #expect(entry: SegmentEntry): void {
    const key = segmentKey(this.#deps.streamPrefix, entry.key);
    for (const read of segmentReads(key, entry)) this.#ahead.expect(read);
  }

  async #start(entry: SegmentEntry): Promise<void> {
    const share = this.#shareOf(entry);
    // With room for rounding.
    while (this.#running.size > 0 && this.#taken + share > 1.001) await Promise.race(this.#running);
    if (this.#failure) throw this.#failure.error;
    const namespace = entry.namespace ?? '';
    const inOrder = this.#inventory.get(namespace)?.capped ?? false;
    const before = inOrder ? this.#tails.get(namespace) : undefined;
    const running: Promise<void> = this.#load(entry, inOrder, before)
      .catch((error: unknown) => {
        this.#failure ??= { error };
        this.#abort.abort();
      })
      .finally(() => {
        this.#running.delete(running);
        this.#taken -= share;
      });
    this.#running.add(running);
    this.#taken += share;
    if (inOrder) this.#tails.set(namespace, running);
  }

  /** The segment's share of all that may be under way at once. */
  #shareOf({ documentBytes }: SegmentEntry): number {
    return documentBytes <= SMALL_SEGMENT_BYTES ? 1 / SMALL_AT_ONCE : 1 / this.#deps.settings.openSegments;
  }

  async #load(entry: SegmentEntry, inOrder: boolean, before: Promise<void> | undefined): Promise<void> {
    const record = await this.#ensure(entry.namespace ?? '');
    await before;
    const { streamPrefix, writer, onRefused, settings, progress, structure, onReadAgain } = this.#deps;
    const scope = {
      namespace: record.namespace,
      bypassValidation: !record.foreignValidator,
      keepsOrder: isCapped(record.options),
    };
    await applySegment(
      {
        bucket: this.#ahead,
        streamPrefix,
        writer,
        onRefused,
        settings,
        stats: structure.stats,
        onReadAgain,
        signal: this.signal,
      },
      entry,
      { scope, inOrder },
    );
    await attempt(structure, () => progress.finishSegments([entry]));
  }

  /** Creates each collection once, however many segments it has. */
  #ensure(namespace: string): Promise<CollectionRecord> {
    let ensured = this.#ensured.get(namespace);
    if (!ensured) {
      const definition = this.#inventory.get(namespace);
      const wanted = definition ? wantedOf(definition) : plainCollection(namespace, null);
      ensured = ensureCollection(this.#deps.structure, wanted);
      this.#ensured.set(namespace, ensured);
    }
    return ensured;
  }
}
