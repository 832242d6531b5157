/**
 * The attempts of one batch: bounded in time and number, with growing waits of random length. A
 * load shows which of its batches are being tried again, since when and why.
 */
import { WaybillError } from '@waybill/shared/base/errors';
import type { Logger } from '@waybill/shared/base/logger';
import type { Metrics } from '@waybill/shared/base/metrics';
import { DEFAULT_RETRY, Retries, type RetryClock, type RetryPolicy } from '@waybill/shared/base/retry';
import type { LoadStats } from '@waybill/shared/base/stats';
import type { ErrorClass } from '../target/rules/error-rule.ts';

export interface BatchRetriesDeps {
  readonly stats: LoadStats;
  readonly metrics: Metrics;
  readonly logger: Logger;
  /** Ends waits between attempts; a batch in flight is always waited for. */
  readonly signal: AbortSignal;
  /** For tests. */
  readonly clock?: RetryClock;
}

/**
 * A server that is away longer than this stops the load, and so does a batch that fails so often.
 * The next start goes on where it was.
 */
const WRITE_RETRY: RetryPolicy = { ...DEFAULT_RETRY, maxElapsedMs: 300_000, maxAttempts: 60 };

export class BatchRetries {
  readonly #deps: BatchRetriesDeps;
  readonly #retries: Retries;

  constructor(deps: BatchRetriesDeps) {
    const { signal, stats, metrics, logger, clock } = deps;
    this.#deps = deps;
    this.#retries = new Retries(WRITE_RETRY, {
      signal,
      clock,
      // What comes here has been judged.
      retryable: () => true,
      onRetry: (error, attempt, delayMs) => {
        stats.retries++;
        metrics.retries.inc({ code: error instanceof WaybillError ? error.code : 'INTERNAL' });
        logger.warnThrottled('a write to the target is tried again', { err: error, attempt, delayMs });
      },
    });
  }

  /** The batch waited for its turn: that is no part of its time. */
  waited(ms: number): void {
    this.#retries.waited(ms);
  }

  /** Waits before the next attempt. Throws the error if there will be none. */
  async failed(error: unknown, kind: ErrorClass, reason: string): Promise<void> {
    const { trouble } = this.#deps.stats;
    trouble.retries.set(kind, (trouble.retries.get(kind) ?? 0) + 1);
    const since = trouble.retried.get(this)?.since ?? Date.now();
    trouble.retried.set(this, { since, kind, reason });
    await this.#retries.failed(error);
  }

  /** Call it when the batch has its end, whichever. */
  [Symbol.dispose](): void {
    this.#deps.stats.trouble.retried.delete(this);
  }
}
