import { isTransient } from '../base/errors.ts';
import { sleep } from '../base/lifecycle.ts';
import { backoffMs, DEFAULT_RETRY, type RetryOptions, type RetryPolicy } from '../base/retry.ts';
import type { Bucket, ListOptions, ObjectInfo } from './bucket.ts';

export interface PatientListOptions extends ListOptions {
  readonly retryPolicy?: RetryPolicy | undefined;
  readonly onRetry?: RetryOptions['onRetry'];
}

/**
 * A list that goes on after transient failures, from the last key that it gave. The policy holds
 * for each of its gaps.
 */
export async function* patientList(
  bucket: Bucket,
  prefix: string,
  { startAfter, signal, retryPolicy = DEFAULT_RETRY, onRetry }: PatientListOptions = {},
): AsyncGenerator<ObjectInfo> {
  let after = startAfter;
  let failures = 0;
  let progressAt = performance.now();
  for (;;) {
    try {
      for await (const info of bucket.list(prefix, { startAfter: after, signal })) {
        after = info.key;
        failures = 0;
        yield info;
        progressAt = performance.now();
      }
      return;
    } catch (error) {
      failures += 1;
      if (signal?.aborted || !isTransient(error) || failures >= retryPolicy.maxAttempts) throw error;
      const delayMs = backoffMs(retryPolicy, failures, Math.random());
      if (performance.now() - progressAt + delayMs > retryPolicy.maxElapsedMs) throw error;
      onRetry?.(error, failures, delayMs);
      await sleep(delayMs, signal);
    }
  }
}
