import { Retries, type RetryOptions, type RetryPolicy } from '../base/retry.ts';
import type { Bucket, ListOptions, ObjectInfo } from './bucket.ts';

export interface PatientListOptions extends ListOptions {
  readonly retryPolicy?: RetryPolicy | undefined;
  readonly onRetry?: RetryOptions['onRetry'];
}

/**
 * A list that goes on after transient failures, from the last key that it gave. The policy applies
 * to each gap.
 */
export async function* patientList(
  bucket: Bucket,
  prefix: string,
  { startAfter, signal, budget, retryPolicy, onRetry }: PatientListOptions = {},
): AsyncGenerator<ObjectInfo> {
  let after = startAfter;
  const retries = new Retries(retryPolicy, { signal, budget, onRetry });
  for (;;) {
    try {
      for await (const info of bucket.list(prefix, { startAfter: after, signal, budget: retries.budget })) {
        after = info.key;
        yield info;
        // Here, so that the time the caller takes counts for nothing.
        retries.progressed();
      }
      return;
    } catch (error) {
      await retries.failed(error);
    }
  }
}
