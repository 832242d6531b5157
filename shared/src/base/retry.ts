/**
 * Retries failures that may pass by themselves. The policy is data. Only errors of kind `transient`
 * are retried, unless the caller names others.
 *
 * Retries nest: a store's client repeats a call to the store, and its caller repeats the call as a
 * whole. Both together keep to one time limit. The outer retry makes a {@link RetryBudget} and
 * passes it down with the options of each call; the inner retry takes from it. There are at most
 * two layers: code that is handed a budget and would only repeat the same call as a whole must not
 * retry at all.
 */
import { isTransient } from './errors.ts';
import { sleep, throwIfAborted } from './lifecycle.ts';

export interface RetryPolicy {
  /** Wait before the second attempt, in milliseconds. */
  readonly initialMs: number;
  readonly maxMs: number;
  readonly factor: number;
  /** Share of each wait that is random, 0 to 1: 0.5 waits between half of it and all of it. */
  readonly jitter: number;
  /** Attempts in all, the first included; Infinity for no limit. */
  readonly maxAttempts: number;
  /** No further attempt starts once this much has passed since the first; Infinity for no limit. */
  readonly maxElapsedMs: number;
}

export const DEFAULT_RETRY: RetryPolicy = {
  initialMs: 100,
  maxMs: 10_000,
  factor: 2,
  jitter: 0.5,
  maxAttempts: Number.POSITIVE_INFINITY,
  maxElapsedMs: 120_000,
};

export interface RetryOptions {
  readonly signal?: AbortSignal | undefined;
  /** The budget of a caller that retries too: no attempt starts after its end. */
  readonly budget?: RetryBudget | undefined;
  /** Called before each wait, for a log line and `waybill_retries_total`. */
  readonly onRetry?: ((error: unknown, attempt: number, delayMs: number) => void) | undefined;
  /** Default {@link isTransient}. */
  readonly retryable?: ((error: unknown) => boolean) | undefined;
  readonly clock?: RetryClock | undefined;
}

/** For tests. */
export interface RetryClock {
  now(): number;
  random(): number;
  sleep(ms: number, signal?: AbortSignal): Promise<void>;
}

const SYSTEM_CLOCK: RetryClock = { now: () => performance.now(), random: Math.random, sleep };

/** The time within which attempts may start, shared by nested retries. */
export class RetryBudget {
  readonly #clock: Pick<RetryClock, 'now'>;
  #endsAt: number;

  /** `within`: the caller's budget, which this one does not outlast. */
  constructor(ms: number, within?: RetryBudget, clock: Pick<RetryClock, 'now'> = SYSTEM_CLOCK) {
    const endsAt = clock.now() + ms;
    this.#clock = clock;
    this.#endsAt = within ? Math.min(endsAt, within.#endsAt) : endsAt;
  }

  /** True if an attempt may start after a wait of `delayMs`. */
  allows(delayMs: number): boolean {
    return this.#clock.now() + delayMs <= this.#endsAt;
  }

  extend(ms: number): void {
    this.#endsAt += ms;
  }
}

/**
 * Counts failures in a row, for a loop that makes progress between them. {@link retry} does the
 * same for a single call.
 */
export class Retries {
  readonly #policy: RetryPolicy;
  readonly #options: RetryOptions;
  readonly #clock: RetryClock;
  #budget: RetryBudget | null;
  #progressAt: number;
  #failures = 0;

  constructor(policy: RetryPolicy = DEFAULT_RETRY, options: RetryOptions = {}) {
    this.#policy = policy;
    this.#options = options;
    this.#clock = options.clock ?? SYSTEM_CLOCK;
    this.#budget = new RetryBudget(policy.maxElapsedMs, options.budget, this.#clock);
    this.#progressAt = this.#clock.now();
  }

  /** Pass it to the calls that an attempt makes. */
  get budget(): RetryBudget {
    const sinceProgressMs = this.#clock.now() - this.#progressAt;
    this.#budget ??= new RetryBudget(this.#policy.maxElapsedMs - sinceProgressMs, undefined, this.#clock);
    return this.#budget;
  }

  /**
   * Something has worked, so the next failure counts as the first. The time limit starts anew and
   * no longer ends with the caller's budget: a long transfer may go on after a failure in its
   * midst.
   */
  progressed(): void {
    this.#failures = 0;
    this.#budget = null;
    this.#progressAt = this.#clock.now();
  }

  /** An attempt had to wait, and was not failing meanwhile: that takes no time from the limit. */
  waited(ms: number): void {
    this.#progressAt += ms;
    this.#budget?.extend(ms);
  }

  /** Waits before the next attempt. Throws the error if there will be none. */
  async failed(error: unknown): Promise<void> {
    const { signal, onRetry, retryable = isTransient } = this.#options;
    const attempt = ++this.#failures;
    if (signal?.aborted || !retryable(error) || attempt >= this.#policy.maxAttempts) throw error;
    const delayMs = backoffMs(this.#policy, attempt, this.#clock.random());
    if (!this.budget.allows(delayMs)) throw error;
    onRetry?.(error, attempt, delayMs);
    await this.#clock.sleep(delayMs, signal);
  }
}

/**
 * The wait before attempt `attempt + 1`, in milliseconds. Attempts count from 1; `random` is in [0,
 * 1).
 */
export function backoffMs(policy: RetryPolicy, attempt: number, random: number): number {
  const whole = Math.min(policy.maxMs, policy.initialMs * policy.factor ** (attempt - 1));
  return whole * (1 - policy.jitter * random);
}

/**
 * Runs the operation until it succeeds, fails for good, or the policy gives up; then it throws the
 * last error. An abort ends a wait at once with the signal's reason. Each attempt must make its own
 * connections and cursors, and pass the budget on to calls that retry.
 */
export async function retry<T>(
  operation: (attempt: number, budget: RetryBudget) => Promise<T>,
  policy: RetryPolicy = DEFAULT_RETRY,
  options: RetryOptions = {},
): Promise<T> {
  const retries = new Retries(policy, options);
  for (let attempt = 1; ; attempt++) {
    throwIfAborted(options.signal);
    try {
      return await operation(attempt, retries.budget);
    } catch (error) {
      await retries.failed(error);
    }
  }
}
