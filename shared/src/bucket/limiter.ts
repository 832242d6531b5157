/**
 * How many requests a store is asked at once. It halves when the store says that it is asked too
 * much (503 SlowDown, 429), and grows back by one for each whole round of requests that went well,
 * as TCP does. Waits are the SDK's, which backs off with jitter before it repeats a request; this
 * is what keeps all the others from going on as before.
 */
import { abortReason, throwIfAborted } from '../base/lifecycle.ts';

/** Most connections that are worth having to one store from one process. */
const MOST = 64;

export interface LimiterOptions {
  /** Requests at once while all goes well. */
  readonly most?: number | undefined;
  /** Whether what a request failed with is the store asking for fewer of them. */
  readonly isThrottling: (error: unknown) => boolean;
}

export class RequestLimiter {
  readonly #most: number;
  readonly #isThrottling: (error: unknown) => boolean;
  readonly #waiting = new Set<() => void>();
  #limit: number;
  #running = 0;
  /** Counts the cuts: a request that began before the last one tells nothing new. */
  #cuts = 0;

  constructor({ most = MOST, isThrottling }: LimiterOptions) {
    this.#most = most;
    this.#limit = most;
    this.#isThrottling = isThrottling;
  }

  /** Requests that may run at once now; at least 1. */
  get limit(): number {
    return Math.floor(this.#limit);
  }

  /** One request: not its repetitions, which come as requests of their own. */
  async run<T>(request: () => Promise<T>, signal?: AbortSignal): Promise<T> {
    await this.#enter(signal);
    const cuts = this.#cuts;
    try {
      const result = await request();
      this.#limit = Math.min(this.#most, this.#limit + 1 / this.#limit);
      return result;
    } catch (error) {
      if (cuts === this.#cuts && this.#isThrottling(error)) {
        this.#limit = Math.max(1, this.#limit / 2);
        this.#cuts++;
      }
      throw error;
    } finally {
      this.#running--;
      this.#admit();
    }
  }

  async #enter(signal: AbortSignal | undefined): Promise<void> {
    throwIfAborted(signal);
    if (this.#running < this.limit) {
      this.#running++;
      return;
    }
    const turn = Promise.withResolvers<void>();
    const admit = (): void => turn.resolve();
    const onAbort = (): void => {
      if (signal && this.#waiting.delete(admit)) turn.reject(abortReason(signal));
    };
    this.#waiting.add(admit);
    signal?.addEventListener('abort', onAbort, { once: true });
    try {
      await turn.promise;
    } finally {
      signal?.removeEventListener('abort', onAbort);
    }
  }

  /**
   * First come, first served. The place is taken here, so that nobody slips in before the waiting
   * one goes on.
   */
  #admit(): void {
    for (const admit of this.#waiting) {
      if (this.#running >= this.limit) return;
      this.#waiting.delete(admit);
      this.#running++;
      admit();
    }
  }
}
