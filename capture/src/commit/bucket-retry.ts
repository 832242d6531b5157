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
 * Logs and counts each call to the bucket that is tried again, so that people see why a capture
 * waits.
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
    logger.warnThrottled('a call to the bucket failed; trying again', { err: error, attempt, delayMs });
  };
}
