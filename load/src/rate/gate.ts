/**
 * Every batch of documents goes to the target through the gate of its load. The gate decides when
 * the next one may go, and how many are under way at once:
 *
 *   the operator's limit   all batches of the load, snapshot and changes alike
 *   the ramp               each collection, where the kind of target must be warmed up
 *   at once                halved by push back and by slow batches, and raised again
 *
 * Batches wait in the order in which they came. One that waits for its collection's ramp lets those
 * of other collections pass. Where nothing limits it, a batch goes at once.
 */
import { abortable, abortReason, throwIfAborted } from '@waybill/shared/base/lifecycle';
import type { Logger } from '@waybill/shared/base/logger';
import type { Pace } from '@waybill/shared/base/stats';
import type { RateRules } from '../target/rules/rate.ts';
import { type Clock, MONOTONIC } from './clock.ts';
import { Concurrency } from './concurrency.ts';
import type { RateLimit } from './limit.ts';
import { Ramp } from './ramp.ts';
import { TokenBucket } from './token-bucket.ts';

export interface WriteSize {
  readonly namespace: string;
  readonly documents: number;
  readonly bytes: number;
}

export interface WriteGate {
  /**
   * Sends a batch when its turn has come. Rejects with the signal's reason if a stop comes first. A
   * batch that was sent is always waited for. `send` learns how long the batch has waited.
   */
  pass<T>(size: WriteSize, send: (waitedMs: number) => Promise<T>): Promise<T>;
  /**
   * The target asks for fewer writes to the collection. Call it within the `send` whose batch was
   * pushed back.
   */
  pushedBack(namespace: string): void;
  /**
   * False for a batch of more than a limit or the ramp allows in a second: several smaller ones
   * make the writing even.
   */
  fits(size: WriteSize): boolean;
}

export interface GateDeps {
  /** Batches under way at once, at most. */
  readonly workers: number;
  readonly rules: RateRules;
  /** Shows what the gate does. */
  readonly pace: Pace;
  readonly logger: Logger;
  /** Ends the waiting for a turn. */
  readonly signal: AbortSignal;
  readonly clock?: Clock;
}

interface Turn {
  readonly round: number;
  readonly rampRound: number;
  readonly beganAt: number;
}

interface Waiting {
  readonly size: WriteSize;
  readonly go: (turn: Turn) => void;
  readonly fail: (reason: Error) => void;
  /** Since when a limit or the ramp holds it, and no longer the batches before it. */
  heldAt: number | null;
}

/** Nobody may go before another batch ends, or the operator lets it. */
const NOT_YET = Number.POSITIVE_INFINITY;
const NO_END = Number.POSITIVE_INFINITY;
const TELL_AGAIN_MS = 30_000;

export class Gate implements WriteGate {
  readonly #deps: GateDeps;
  readonly #clock: Clock;
  readonly #concurrency: Concurrency;
  readonly #ramp: Ramp | null;
  readonly #documents = new TokenBucket(null);
  readonly #bytes = new TokenBucket(null);
  readonly #waiting: Waiting[] = [];
  #end: AbortSignal;
  #opened = Promise.withResolvers<void>();
  #cancelTimer: (() => void) | null = null;
  #toldAt = Number.NEGATIVE_INFINITY;

  constructor(deps: GateDeps) {
    const { workers, rules, logger, pace, signal, clock = MONOTONIC } = deps;
    this.#deps = deps;
    this.#clock = clock;
    this.#concurrency = new Concurrency(workers);
    this.#ramp = rules.ramp && new Ramp(rules.ramp, logger);
    pace.paused = false;
    pace.atOnce = workers;
    pace.atOnceMost = workers;
    this.#end = signal;
    this.endWith(signal);
  }

  /**
   * When the signal aborts, no batch goes any more, and those that wait are rejected. It takes the
   * place of the signal before it: a phase may begin again.
   */
  endWith(signal: AbortSignal): void {
    this.#end = signal;
    const end = (): void => {
      if (this.#end !== signal) return;
      this.#cancelTimer?.();
      for (const { fail } of this.#waiting.splice(0)) fail(abortReason(signal));
    };
    if (signal.aborted) end();
    else signal.addEventListener('abort', end, { once: true });
  }

  async pass<T>(size: WriteSize, send: (waitedMs: number) => Promise<T>): Promise<T> {
    throwIfAborted(this.#end);
    const cameAt = this.#clock.now();
    const isFree = this.#waiting.length === 0 && this.#delayMs(size, cameAt) === 0;
    const turn = isFree ? this.#take(size, cameAt) : await this.#turn(size);
    let wentWell = false;
    try {
      const result = await send(turn.beganAt - cameAt);
      wentWell = true;
      return result;
    } finally {
      this.#ended(size, turn, wentWell);
    }
  }

  pushedBack(namespace: string): void {
    this.#deps.pace.pushBacks++;
    this.#ramp?.pushedBack(namespace, this.#clock.now());
    this.#decrease('the target pushes back: fewer batches at once', namespace);
  }

  fits({ namespace, documents, bytes }: WriteSize): boolean {
    const { documentsPerSecond, bytesPerSecond } = this.#deps.pace;
    const ramp = this.#ramp?.perSecond(namespace) ?? null;
    return (
      documents <= Math.min(documentsPerSecond ?? NO_END, ramp ?? NO_END) &&
      bytes <= (bytesPerSecond ?? NO_END)
    );
  }

  /** Of the load as a whole, from now on. */
  setLimit({ documents, bytes }: RateLimit): void {
    const now = this.#clock.now();
    this.#documents.setRate(documents, now);
    this.#bytes.setRate(bytes, now);
    const { pace } = this.#deps;
    pace.documentsPerSecond = documents;
    pace.bytesPerSecond = bytes;
    this.#next();
  }

  /** Nothing new goes while the load is paused. Batches under way end. */
  setPaused(paused: boolean): void {
    this.#deps.pace.paused = paused;
    if (paused) {
      this.#opened = Promise.withResolvers();
      return;
    }
    this.#opened.resolve();
    this.#next();
  }

  /** For writes that are no batches: resolves while the load is not paused. */
  async whenOpen(signal: AbortSignal): Promise<void> {
    if (this.#deps.pace.paused) await abortable(this.#opened.promise, signal);
  }

  #turn(size: WriteSize): Promise<Turn> {
    const turn = new Promise<Turn>((go, fail) => this.#waiting.push({ size, go, fail, heldAt: null }));
    this.#next();
    return turn;
  }

  /** Lets those go that may, and comes back when the next one may. */
  #next(): void {
    this.#cancelTimer?.();
    this.#cancelTimer = null;
    const now = this.#clock.now();
    let soonestMs = NOT_YET;
    for (let at = 0; at < this.#waiting.length; ) {
      const waiting = this.#waiting[at]!;
      const delayMs = this.#delayMs(waiting.size, now);
      if (delayMs === NOT_YET) return;
      if (delayMs === 0) {
        this.#waiting.splice(at, 1);
        this.#letGo(waiting, now);
        continue;
      }
      waiting.heldAt ??= now;
      soonestMs = Math.min(soonestMs, delayMs);
      at++;
    }
    if (soonestMs === NOT_YET) return;
    this.#cancelTimer = this.#clock.after(Math.max(1, Math.ceil(soonestMs)), () => this.#next());
  }

  #letGo({ size, go, heldAt }: Waiting, now: number): void {
    const { pace } = this.#deps;
    if (heldAt !== null) {
      pace.waits++;
      pace.waitedMs += now - heldAt;
    }
    go(this.#take(size, now));
  }

  #delayMs({ namespace }: WriteSize, now: number): number {
    if (this.#deps.pace.paused || !this.#concurrency.hasRoom()) return NOT_YET;
    const limitMs = Math.max(this.#documents.delayMs(now), this.#bytes.delayMs(now));
    return Math.max(limitMs, this.#ramp?.delayMs(namespace, now) ?? 0);
  }

  #take({ namespace, documents, bytes }: WriteSize, now: number): Turn {
    this.#documents.take(documents, now);
    this.#bytes.take(bytes, now);
    const rampRound = this.#ramp?.begin(namespace, documents, now) ?? 0;
    if (this.#ramp) this.#deps.pace.rampPerSecond = this.#ramp.perSecond(namespace);
    return { round: this.#concurrency.begin(), rampRound, beganAt: now };
  }

  #ended({ namespace }: WriteSize, { round, rampRound, beganAt }: Turn, wentWell: boolean): void {
    const now = this.#clock.now();
    if (now - beganAt > this.#deps.rules.slowMs) {
      this.#ramp?.wasSlow(namespace, now);
      this.#decrease('a batch took long: fewer batches at once', namespace);
    }
    this.#ramp?.end(namespace, rampRound);
    this.#concurrency.end(round, wentWell);
    this.#show();
    if (this.#waiting.length > 0) this.#next();
  }

  #decrease(message: string, namespace: string): void {
    const { limit: before, most } = this.#concurrency;
    this.#concurrency.decrease();
    const { limit: atOnce } = this.#concurrency;
    if (atOnce === before) return;
    this.#deps.logger.warnThrottled(message, { namespace, atOnce, most });
    this.#show();
  }

  #show(): void {
    const { pace, logger } = this.#deps;
    const { limit: atOnce, most } = this.#concurrency;
    if (atOnce === pace.atOnce) return;
    logger.debug('batches at once', { atOnce, most });
    pace.atOnce = atOnce;
    const now = this.#clock.now();
    if (atOnce < most || now - this.#toldAt < TELL_AGAIN_MS) return;
    this.#toldAt = now;
    logger.info('the target stays well: all batches at once again', { atOnce });
  }
}
