/**
 * Retrying of what may pass by itself. The policy is data; only errors of kind `transient` are
 * tried again.
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
  /** Before each wait; for a log line and `waybill_retries_total`. */
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

/**
 * Wait before attempt `attempt + 1`, in milliseconds; attempts count from 1, `random` is in [0, 1).
 */
export function backoffMs(policy: RetryPolicy, attempt: number, random: number): number {
  const whole = Math.min(policy.maxMs, policy.initialMs * policy.factor ** (attempt - 1));
  return whole * (1 - policy.jitter * random);
}

/**
 * Runs the operation until it succeeds, fails for good, or the policy gives up; then with the last
 * error. An abort ends a wait at once with the signal's reason. Each attempt must make its own
 * connections and cursors.
 */
export async function retry<T>(
  operation: (attempt: number) => Promise<T>,
  policy: RetryPolicy = DEFAULT_RETRY,
  options: RetryOptions = {},
): Promise<T> {
  const { signal, onRetry, retryable = isTransient, clock = SYSTEM_CLOCK } = options;
  const startedAt = clock.now();
  for (let attempt = 1; ; attempt++) {
    throwIfAborted(signal);
    try {
      return await operation(attempt);
    } catch (error) {
      if (signal?.aborted || !retryable(error) || attempt >= policy.maxAttempts) throw error;
      const delayMs = backoffMs(policy, attempt, clock.random());
      if (clock.now() - startedAt + delayMs > policy.maxElapsedMs) throw error;
      onRetry?.(error, attempt, delayMs);
      await clock.sleep(delayMs, signal);
    }
  }
}
