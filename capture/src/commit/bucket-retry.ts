import { WaybillError } from '@waybill/shared/base/errors';
import type { Logger } from '@waybill/shared/base/logger';
import type { Metrics } from '@waybill/shared/base/metrics';
import type { RetryOptions } from '@waybill/shared/base/retry';
import { type CaptureStats, noteBucketFailure } from '@waybill/shared/base/stats';

export interface RetryNoticeDeps {
  readonly stats: CaptureStats;
  readonly metrics: Metrics;
  readonly logger: Logger;
}

/**
 * What is said and counted of each call to the bucket that is tried again: a capture that waits for
 * it says why.
 */
export function bucketRetryNotice({
  stats,
  metrics,
  logger,
}: RetryNoticeDeps): NonNullable<RetryOptions['onRetry']> {
  return (error, attempt, delayMs) => {
    stats.retries++;
    noteBucketFailure(stats, delayMs);
    metrics.retries.inc({ code: error instanceof WaybillError ? error.code : 'INTERNAL' });
    logger.warnThrottled('a call to the bucket is tried again', { err: error, attempt, delayMs });
  };
}
