/**
 * Windows on their way through the lanes.
 *
 *   read ahead:  window 1 │ window 2 │ window 3 …    one after the other, a bounded number
 *   lane a:               │ 1 ── 2 ──│── 3
 *   lane b:               │ 1 ───────│─ 2 ── 3       each at its own pace, in order (INV-3)
 *   cursor:                          │   1     2  3  when all lanes are through, in order (INV-6)
 *
 * After a failure no lane takes up anything new and no cursor moves; what is in flight ends. A
 * crash anywhere repeats the windows whose cursor was not written.
 */

import { abortReason, LinkedAbort, throwIfAborted } from '@waybill/shared/base/lifecycle';
import type { Logger } from '@waybill/shared/base/logger';
import type { RetryOptions } from '@waybill/shared/base/retry';
import type { LoadStats } from '@waybill/shared/base/stats';
import type { Bucket } from '@waybill/shared/bucket/bucket';
import { ReadAhead } from '@waybill/shared/bucket/read-ahead';
import type { Commit } from '@waybill/shared/manifest/commit';
import { segmentKey } from '@waybill/shared/manifest/keys';
import { segmentReads } from '@waybill/shared/segment/read/fetch-segment';
import { Conflicts, type ConflictsDeps } from '../conflicts/conflicts.ts';
import type { LaneCursor } from '../progress/progress.ts';
import type { Takes } from '../settings/load-filter.ts';
import type { LoadSettings } from '../settings/load-settings.ts';
import { applyLane, type LaneDeps } from './lane.ts';
import { type LanePart, readWindow } from './read-window.ts';
import type { Window } from './window.ts';

export interface PipelineDeps extends Omit<LaneDeps, 'conflicts' | 'signal' | 'window' | 'writer'> {
  readonly writer: LaneDeps['writer'] & ConflictsDeps['writer'];
  readonly logger: Logger;
  readonly bucket: Bucket;
  readonly streamPrefix: string;
  readonly settings: LaneDeps['settings'] & Pick<LoadSettings, 'conflictMs' | 'readAheadBytes'>;
  readonly takes: Takes;
  readonly stats: LoadStats;
  readonly onReadAgain: RetryOptions['onRetry'];
  readonly onOpenImages: (documents: number) => void;
  /** By lane, as they were when this run began. */
  readonly cursors: readonly LaneCursor[];
  /** Windows under way at once. */
  readonly windows: number;
  /** Bytes of changes that wait for their lane or are in it. With more, reading pauses. */
  readonly bytes: number;
  /** Writes the cursor, once every lane is through a window. */
  readonly advance: (end: LaneCursor) => Promise<void>;
  readonly signal: AbortSignal;
}

/** Windows that may be applied while the cursor waits for a conflict before them. */
const WINDOWS_PAST_CONFLICT = 6;

export class Pipeline {
  readonly #deps: PipelineDeps;
  readonly #abort: LinkedAbort;
  readonly #ahead: ReadAhead;
  readonly #conflicts: Conflicts;
  /** The last part of each lane. */
  readonly #tails = new Map<number, Promise<void>>();
  readonly #parts = new Set<Promise<void>>();
  readonly #running = new Set<Promise<void>>();
  #bytes = 0;
  /** Taken in so far. */
  #windows = 0;
  #reading: Promise<unknown> = Promise.resolve();
  #done: Promise<void> = Promise.resolve();
  #failure: { readonly error: unknown } | undefined;

  constructor(deps: PipelineDeps) {
    this.#deps = deps;
    this.#abort = new LinkedAbort(deps.signal);
    const bytes = deps.settings.readAheadBytes;
    this.#ahead = new ReadAhead(deps.bucket, { bytes, signal: this.#abort.signal });
    this.#conflicts = new Conflicts({ ...deps, signal: this.#abort.signal });
  }

  /** Aborts when a window fails. */
  get signal(): AbortSignal {
    return this.#abort.signal;
  }

  get failure(): { readonly error: unknown } | undefined {
    return this.#failure;
  }

  /** Begins to fetch what one of the next windows reads. */
  expect({ segments = [] }: Commit): void {
    for (const entry of segments) {
      if (entry.kind !== 'changes') continue;
      const key = segmentKey(this.#deps.streamPrefix, entry.key);
      for (const read of segmentReads(key, entry)) this.#ahead.expect(read);
    }
  }

  /** Takes a window in; waits while too many are in memory. */
  async dispatch(window: Window): Promise<void> {
    while (this.#running.size >= this.#room) await this.#untilRoom();
    this.#throwIfFailed();
    const running: Promise<void> = this.#run(window)
      .catch((error: unknown) => this.#fail(error))
      .finally(() => this.#running.delete(running));
    this.#running.add(running);
  }

  /** Later changes may end a conflict, so it does not hold up the windows behind it. */
  get #room(): number {
    return this.#deps.windows + (this.#conflicts.isEmpty ? 0 : WINDOWS_PAST_CONFLICT);
  }

  async #untilRoom(): Promise<void> {
    const arrival = this.#conflicts.isEmpty ? [this.#conflicts.arrival] : [];
    await Promise.race([...this.#running, ...arrival]);
  }

  /** Fulfilled when every window taken in is applied and its cursor written. */
  async drain(): Promise<void> {
    await this.settle();
    this.#throwIfFailed();
  }

  /** Waits for what is under way, whatever becomes of it. */
  async settle(): Promise<void> {
    while (this.#running.size + this.#parts.size > 0) {
      await Promise.all([...this.#running, ...this.#parts]);
    }
  }

  async #run(window: Window): Promise<void> {
    const number = ++this.#windows;
    const before = this.#done;
    const finished = Promise.withResolvers<void>();
    this.#done = finished.promise;
    finished.promise.catch(() => undefined);
    try {
      await this.#apply(window, number);
      await before;
      if (!this.#conflicts.isEmpty) await this.#conflicts.settle(number, this.#deps.settings.conflictMs);
      await this.#deps.advance(window.end);
      finished.resolve();
    } catch (error) {
      finished.reject(error);
      throw error;
    }
  }

  async #apply(window: Window, number: number): Promise<void> {
    const read = this.#reading.then(() => this.#readAndQueue(window, number));
    this.#reading = read.catch(() => undefined);
    await Promise.all(await read);
    this.#throwIfFailed();
    throwIfAborted(this.#abort.signal);
  }

  /**
   * Reads one window after the other, so every lane's parts queue up in the order of the stream.
   */
  async #readAndQueue(window: Window, number: number): Promise<readonly Promise<void>[]> {
    const signal = this.#abort.signal;
    throwIfAborted(signal);
    const queued: Promise<void>[] = [];
    for await (const part of readWindow(
      { ...this.#deps, bucket: this.#ahead, signal },
      window,
      this.#deps.cursors,
    )) {
      queued.push(this.#queue(part, number));
      while (this.#bytes > this.#deps.bytes) await Promise.race(this.#parts);
      throwIfAborted(signal);
    }
    return queued;
  }

  /** Never rejects: a failure is kept, and ends everything. */
  #queue(part: LanePart, window: number): Promise<void> {
    const { lane } = part;
    const { bytes } = part.changes;
    const signal = this.#abort.signal;
    this.#bytes += bytes;
    const before = this.#tails.get(lane) ?? Promise.resolve();
    const applying: Promise<void> = before
      .then(() => applyLane({ ...this.#deps, conflicts: this.#conflicts, window, signal }, part))
      .catch((error: unknown) => this.#fail(error))
      .finally(() => {
        this.#bytes -= bytes;
        this.#parts.delete(applying);
      });
    this.#parts.add(applying);
    this.#tails.set(lane, applying);
    return applying;
  }

  #fail(error: unknown): void {
    // The cause comes before what the abort brings about in other lanes.
    this.#failure ??= { error };
    this.#abort.abort(this.#deps.signal.aborted ? abortReason(this.#deps.signal) : undefined);
  }

  #throwIfFailed(): void {
    if (this.#failure) throw this.#failure.error;
  }
}
