/**
 * Every batch of documents goes to the target through the gate of its load. The gate decides when
 * the next one may go, and how many are under way at once.
 */
import { abortReason, throwIfAborted } from '@waybill/shared/base/lifecycle';
import type { Logger } from '@waybill/shared/base/logger';
import { Concurrency } from './concurrency.ts';

export interface WriteSize {
  readonly namespace: string;
  readonly documents: number;
  readonly bytes: number;
}

export interface WriteGate {
  /**
   * Sends a batch when its turn has come. Rejects with the signal's reason if a stop comes first. A
   * batch that was sent is always waited for.
   */
  pass<T>(size: WriteSize, send: () => Promise<T>): Promise<T>;
  /**
   * The target asks for fewer writes to the collection. Call it within the `send` whose batch was
   * pushed back.
   */
  pushedBack(namespace: string): void;
}

export interface GateDeps {
  /** Batches under way at once, at most. */
  readonly workers: number;
  readonly logger: Logger;
  /** Ends the waiting for a turn. */
  readonly signal: AbortSignal;
}

interface Waiting {
  readonly go: (round: number) => void;
  readonly fail: (reason: Error) => void;
}

export class Gate implements WriteGate {
  readonly #logger: Logger;
  readonly #signal: AbortSignal;
  readonly #concurrency: Concurrency;
  /** First come, first served. */
  readonly #waiting: Waiting[] = [];

  constructor({ workers, logger, signal }: GateDeps) {
    this.#logger = logger;
    this.#signal = signal;
    this.#concurrency = new Concurrency(workers);
    signal.addEventListener('abort', this.#onAbort, { once: true });
  }

  async pass<T>(_size: WriteSize, send: () => Promise<T>): Promise<T> {
    throwIfAborted(this.#signal);
    const round = this.#concurrency.hasRoom() ? this.#concurrency.begin() : await this.#turn();
    let wentWell = false;
    try {
      const result = await send();
      wentWell = true;
      return result;
    } finally {
      this.#concurrency.end(round, wentWell);
      this.#next();
    }
  }

  pushedBack(namespace: string): void {
    const { limit: before, most } = this.#concurrency;
    if (!this.#concurrency.decrease()) return;
    const { limit: atOnce } = this.#concurrency;
    if (atOnce === before) return;
    this.#logger.warnThrottled('the target pushes back: fewer batches at once', { namespace, atOnce, most });
  }

  #turn(): Promise<number> {
    return new Promise((go, fail) => this.#waiting.push({ go, fail }));
  }

  #next(): void {
    while (this.#concurrency.hasRoom()) {
      const first = this.#waiting.shift();
      if (!first) return;
      first.go(this.#concurrency.begin());
    }
  }

  readonly #onAbort = (): void => {
    for (const { fail } of this.#waiting.splice(0)) fail(abortReason(this.#signal));
  };
}
