/**
 * How many requests to a store run at once. The number halves when the store asks for fewer (503
 * SlowDown, 429), and grows back by one for each whole round of requests that went well, as TCP
 * does. The repeated request itself waits elsewhere, with backoff; the limiter keeps all the others
 * from going on as before.
 */
import PQueue from 'p-queue';
import { abortReason, LinkedAbort } from '../base/lifecycle.ts';

/** Most connections that are worth having to one store from one process. */
const MOST = 64;

export interface LimiterOptions {
  /** Requests at once while all goes well. */
  readonly most?: number | undefined;
  /** Whether a request failed because the store asks for fewer of them. */
  readonly isThrottling: (error: unknown) => boolean;
}

export class RequestLimiter {
  readonly #most: number;
  readonly #isThrottling: (error: unknown) => boolean;
  readonly #queue: PQueue;
  /** Grows by fractions; the queue has the whole part. */
  #limit: number;
  /** Counts the cuts: a request that began before the last one tells nothing new. */
  #cuts = 0;

  constructor({ most = MOST, isThrottling }: LimiterOptions) {
    this.#most = most;
    this.#isThrottling = isThrottling;
    this.#limit = most;
    this.#queue = new PQueue({ concurrency: most });
  }

  /** Requests that may run at once now; at least 1. */
  get limit(): number {
    return this.#queue.concurrency;
  }

  /** One request: a repetition is a request of its own. */
  async run<T>(request: () => Promise<T>, signal?: AbortSignal): Promise<T> {
    // The signal ends the wait for a turn. A request that runs has it too and keeps its turn until
    // it has ended: what it opens must not be lost.
    using waiting = new LinkedAbort(signal);
    const begin = (): Promise<T> => {
      waiting[Symbol.dispose]();
      return this.#watched(request);
    };
    try {
      return await this.#queue.add(begin, { signal: waiting.signal });
    } catch (error) {
      throw waiting.signal.aborted ? abortReason(waiting.signal) : error;
    }
  }

  async #watched<T>(request: () => Promise<T>): Promise<T> {
    const cuts = this.#cuts;
    try {
      const result = await request();
      this.#allow(Math.min(this.#most, this.#limit + 1 / this.#limit));
      return result;
    } catch (error) {
      if (cuts === this.#cuts && this.#isThrottling(error)) {
        this.#allow(Math.max(1, this.#limit / 2));
        this.#cuts++;
      }
      throw error;
    }
  }

  #allow(limit: number): void {
    this.#limit = limit;
    const whole = Math.floor(limit);
    if (whole !== this.#queue.concurrency) this.#queue.concurrency = whole;
  }
}
