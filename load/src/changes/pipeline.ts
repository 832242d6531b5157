/**
 * Windows on their way through the lanes.
 *
 *   read:    window 1 │ window 2 │ window 3 …            one after the other, a bounded number ahead
 *   lane a:           │ 1 ── 2 ──│── 3
 *   lane b:           │ 1 ───────│─ 2 ── 3               each at its own pace, in order (INV-3)
 *   cursor:                      │   1     2    3        when all lanes are through, in order (INV-6)
 *
 * After a failure no lane takes up anything new and no cursor moves; what is in flight ends. A crash anywhere repeats
 * the windows whose cursor was not written.
 */
import type { Bucket } from '@waybill/shared/bucket/bucket';
import { abortReason, LinkedAbort, throwIfAborted } from '@waybill/shared/lifecycle';
import type { LoadStats } from '@waybill/shared/stats';
import type { LaneCursor } from '../progress/progress.ts';
import { applyLane, type LaneDeps } from './lane.ts';
import { readWindow } from './read-window.ts';
import type { Window } from './window.ts';

export interface PipelineDeps extends Omit<LaneDeps, 'signal'> {
  readonly bucket: Bucket;
  readonly streamPrefix: string;
  readonly stats: LoadStats;
  /** By lane, as they were when this run began. */
  readonly cursors: readonly LaneCursor[];
  /** Windows in memory at once, and the bytes that they may hold; one window is always taken, however large. */
  readonly windows: number;
  readonly bytes: number;
  /** Every lane is through a window: its cursor is to be written. */
  readonly advance: (end: LaneCursor) => Promise<void>;
  readonly signal: AbortSignal;
}

export class Pipeline {
  readonly #deps: PipelineDeps;
  readonly #abort: LinkedAbort;
  readonly #tails = new Map<number, Promise<void>>();
  readonly #running = new Set<Promise<void>>();
  #bytes = 0;
  #reading: Promise<unknown> = Promise.resolve();
  #done: Promise<void> = Promise.resolve();
  #failure: { readonly error: unknown } | undefined;

  constructor(deps: PipelineDeps) {
    this.#deps = deps;
    this.#abort = new LinkedAbort(deps.signal);
  }

  /** Aborts when a window fails. */
  get signal(): AbortSignal {
    return this.#abort.signal;
  }

  get failure(): { readonly error: unknown } | undefined {
    return this.#failure;
  }

  /** Takes a window in; waits while too many are in memory. */
  async dispatch(window: Window): Promise<void> {
    while (!this.#hasRoomFor(window)) await Promise.race(this.#running);
    this.#throwIfFailed();
    this.#bytes += window.bytes;
    const running: Promise<void> = this.#run(window)
      .catch((error: unknown) => this.#fail(error))
      .finally(() => {
        this.#bytes -= window.bytes;
        this.#running.delete(running);
      });
    this.#running.add(running);
  }

  #hasRoomFor(window: Window): boolean {
    const { windows, bytes } = this.#deps;
    if (this.#running.size === 0) return true;
    return this.#running.size < windows && this.#bytes + window.bytes <= bytes;
  }

  /** Fulfilled when every window taken in is applied and its cursor written. */
  async drain(): Promise<void> {
    await this.settle();
    this.#throwIfFailed();
  }

  /** Waits for what is under way, whatever becomes of it. */
  async settle(): Promise<void> {
    while (this.#running.size > 0) await Promise.all(this.#running);
  }

  async #run(window: Window): Promise<void> {
    const before = this.#done;
    const finished = Promise.withResolvers<void>();
    this.#done = finished.promise;
    finished.promise.catch(() => undefined);
    try {
      await this.#apply(window);
      await before;
      await this.#deps.advance(window.end);
      finished.resolve();
    } catch (error) {
      finished.reject(error);
      throw error;
    }
  }

  async #apply(window: Window): Promise<void> {
    const signal = this.#abort.signal;
    const previous = this.#reading;
    const read = previous.then(() => {
      throwIfAborted(signal);
      return readWindow({ ...this.#deps, signal }, window, this.#deps.cursors);
    });
    this.#reading = read.catch(() => undefined);
    const lanes = await read;
    // No await between here and the last lane's turn being queued: windows queue up in the order they were read.
    const parts = [...lanes].map(([lane, changes]) => {
      const part = (this.#tails.get(lane) ?? Promise.resolve()).then(() =>
        applyLane({ ...this.#deps, signal }, changes),
      );
      this.#tails.set(
        lane,
        part.catch(() => undefined),
      );
      return part.catch((error: unknown) => this.#fail(error));
    });
    await Promise.all(parts);
    this.#throwIfFailed();
    throwIfAborted(signal);
  }

  #fail(error: unknown): void {
    // What the abort brings about in other lanes comes after its cause.
    this.#failure ??= { error };
    this.#abort.abort(this.#deps.signal.aborted ? abortReason(this.#deps.signal) : undefined);
  }

  #throwIfFailed(): void {
    if (this.#failure) throw this.#failure.error;
  }
}
