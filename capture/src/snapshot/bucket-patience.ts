import { hasCode } from '@waybill/shared/base/errors';
import {
  DEFAULT_RETRY,
  Retries,
  type RetryBudget,
  type RetryClock,
  type RetryOptions,
} from '@waybill/shared/base/retry';

export interface PatienceOptions {
  /** Errors for which this says true end the waiting: the same call has been repeated already. */
  readonly isFinal: (error: unknown) => boolean;
  readonly signal: AbortSignal;
  readonly onRetry: RetryOptions['onRetry'];
  readonly clock?: RetryClock | undefined;
}

/**
 * How long one chunk waits for a bucket that fails: for two minutes since something last moved, and
 * all its attempts together. An attempt reads again from the last commit, so what moves within an
 * attempt after a failure says nothing; only a commit ends the count.
 */
export class BucketPatience {
  readonly #retries: Retries;
  #isFailing = false;

  constructor({ isFinal, signal, onRetry, clock }: PatienceOptions) {
    const retryable = (error: unknown): boolean => hasCode(error, 'BUCKET_UNAVAILABLE') && !isFinal(error);
    this.#retries = new Retries(DEFAULT_RETRY, { signal, onRetry, retryable, clock });
  }

  /** For the puts of the next attempt. Undefined while nothing has failed: they may take long. */
  get budget(): RetryBudget | undefined {
    return this.#isFailing ? this.#retries.budget : undefined;
  }

  /** Documents have come from the source, or gone to the bucket. */
  moved(): void {
    if (!this.#isFailing) this.#retries.progressed();
  }

  committed(): void {
    this.#isFailing = false;
    this.#retries.progressed();
  }

  /** Waits before the next attempt; throws the error if there is to be none. */
  async failed(error: unknown): Promise<void> {
    this.#isFailing = true;
    await this.#retries.failed(error);
  }
}
