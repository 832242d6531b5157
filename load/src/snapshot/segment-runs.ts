import { LinkedAbort } from '@waybill/shared/base/lifecycle';
import type { RetryOptions } from '@waybill/shared/base/retry';
import type { Bucket } from '@waybill/shared/bucket/bucket';
import { ReadAhead } from '@waybill/shared/bucket/read-ahead';
import type { SegmentEntry } from '@waybill/shared/manifest/commit';
import { segmentKey } from '@waybill/shared/manifest/keys';
import { segmentReads } from '@waybill/shared/segment/read/fetch-segment';
import type { RefusalPolicy } from '../apply/refusal.ts';
import type { DocumentWriter } from '../apply/writer.ts';
import { Conflicts } from '../conflicts/conflicts.ts';
import type { DeadLetters } from '../letters/dead-letters.ts';
import type { NamePair } from '../mapping/name-mapping.ts';
import type { Placements } from '../placement/placements.ts';
import type { Progress } from '../progress/progress.ts';
import type { Gate } from '../rate/gate.ts';
import type { LoadSettings } from '../settings/load-settings.ts';
import { attempt, type StructureContext } from '../structure/context.ts';
import { isCapped } from '../structure/options.ts';
import { applySegment } from './apply-segment.ts';
import { type Inventory, SMALL_AT_ONCE } from './inventory.ts';

export interface SegmentRunsDeps {
  readonly bucket: Bucket;
  readonly streamPrefix: string;
  readonly structure: StructureContext;
  readonly placements: Placements;
  readonly writer: DocumentWriter;
  readonly onRefused: RefusalPolicy;
  readonly letters: DeadLetters;
  readonly progress: Progress;
  readonly gate: Pick<Gate, 'endWith' | 'whenOpen'>;
  readonly settings: LoadSettings;
  /** Each segment has a few batches under way, and more segments are open. */
  readonly spreadsRanges: boolean;
  readonly onReadAgain: RetryOptions['onRetry'];
  readonly signal: AbortSignal;
}

const SMALL_SEGMENT_BYTES = 1 << 20;
/** Segments open at once where ranges are spread: memory holds each, compressed. */
const MOST_SPREAD = 8;

/** Segments on their way to the target, a bounded number at once. */
export class SegmentRuns {
  readonly #deps: SegmentRunsDeps;
  readonly #inventory: Inventory;
  readonly #abort: LinkedAbort;
  readonly #ahead: ReadAhead;
  /** Segments open at once, and batches under way of each. */
  readonly #open: number;
  readonly #atOnce: number;
  readonly #running = new Set<Promise<void>>();
  readonly #conflicts: Conflicts;
  /** Applied, but for documents that wait in {@link #conflicts}. */
  readonly #unfinished: SegmentEntry[] = [];
  /** The shares of the segments under way. */
  #taken = 0;
  /** The last segment of each capped collection: the next one waits for it. */
  readonly #tails = new Map<string, Promise<void>>();
  #failure: { readonly error: unknown } | undefined;

  constructor(deps: SegmentRunsDeps, inventory: Inventory) {
    this.#deps = deps;
    this.#inventory = inventory;
    this.#abort = new LinkedAbort(deps.signal);
    deps.gate.endWith(this.#abort.signal);
    const { stats, logger } = deps.structure;
    this.#conflicts = new Conflicts({ ...deps, stats, logger, signal: this.#abort.signal });
    const { workers, openSegments, readAheadBytes: bytes } = deps.settings;
    this.#open = deps.spreadsRanges ? Math.min(workers, MOST_SPREAD) : openSegments;
    this.#atOnce = deps.spreadsRanges ? Math.ceil(workers / this.#open) : workers;
    this.#ahead = new ReadAhead(deps.bucket, { bytes, signal: this.#abort.signal });
  }

  /** Aborts when a segment fails. */
  get signal(): AbortSignal {
    return this.#abort.signal;
  }

  get failure(): { readonly error: unknown } | undefined {
    return this.#failure;
  }

  /** Waits for what is under way, whatever becomes of it. */
  async settle(): Promise<void> {
    while (this.#running.size > 0) await Promise.all(this.#running);
  }

  /** Begins to fetch a segment that is to be started soon. */
  expect(entry: SegmentEntry): void {
    const key = segmentKey(this.#deps.streamPrefix, entry.key);
    for (const read of segmentReads(key, entry)) this.#ahead.expect(read);
  }

  /** Starts a segment; waits while too much is under way. */
  async start(entry: SegmentEntry): Promise<void> {
    const share = this.#shareOf(entry);
    // With room for rounding.
    while (this.#running.size > 0 && this.#taken + share > 1.001) await Promise.race(this.#running);
    if (this.#failure) throw this.#failure.error;
    const names = this.#deps.structure.mapping.pair(entry.namespace ?? '');
    const { namespace } = names;
    const inOrder = this.#inventory.isCapped(names.source);
    const before = inOrder ? this.#tails.get(namespace) : undefined;
    const running: Promise<void> = this.#load(entry, names, inOrder, before)
      .catch((error: unknown) => this.#fail(error))
      .finally(() => {
        this.#running.delete(running);
        this.#taken -= share;
      });
    this.#running.add(running);
    this.#taken += share;
    if (inOrder) this.#tails.set(namespace, running);
  }

  #fail(error: unknown): void {
    this.#failure ??= { error };
    this.#abort.abort();
  }

  /** The segment's share of all that may be under way at once. */
  #shareOf({ documentBytes }: SegmentEntry): number {
    return documentBytes <= SMALL_SEGMENT_BYTES ? 1 / SMALL_AT_ONCE : 1 / this.#open;
  }

  async #load(
    entry: SegmentEntry,
    names: NamePair,
    inOrder: boolean,
    before: Promise<void> | undefined,
  ): Promise<void> {
    const record = await this.#inventory.ensure(names);
    await before;
    const { streamPrefix, writer, placements, onRefused, letters, settings, structure, onReadAgain } =
      this.#deps;
    const scope = {
      ...names,
      bypassValidation: !record.foreignValidator,
      keepsOrder: isCapped(record.options),
      placement: await placements.of(record.namespace),
    };
    const aside = await applySegment(
      {
        bucket: this.#ahead,
        streamPrefix,
        writer,
        onRefused,
        conflicts: this.#conflicts,
        letters,
        settings,
        stats: structure.stats,
        onReadAgain,
        fail: (error) => this.#fail(error),
        signal: this.signal,
      },
      entry,
      { scope, atOnce: inOrder ? 1 : this.#atOnce },
    );
    const finished = { ...entry, namespace: names.namespace };
    if (aside > 0) this.#unfinished.push(finished);
    else await this.#finish([finished]);
  }

  /** When every segment is through, another document may have given its key up. */
  async solveConflicts(): Promise<void> {
    if (this.#unfinished.length === 0) return;
    await this.#conflicts.settle(0, 0);
    await this.#finish(this.#unfinished.splice(0));
  }

  async #finish(entries: readonly SegmentEntry[]): Promise<void> {
    const { letters, progress, structure } = this.#deps;
    await letters.flush();
    await attempt(structure, () => progress.finishSegments(entries));
  }
}
