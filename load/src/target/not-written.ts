import { WaybillError } from '@waybill/shared/base/errors';
import type { Logger } from '@waybill/shared/base/logger';
import type { RetryOptions } from '@waybill/shared/base/retry';

/**
 * Logs that a start waits for its target: for a majority, for the end of a block, or for the server
 * itself. The error says which.
 */
export function tellNotWritten(logger: Logger): RetryOptions['onRetry'] {
  return (error) => {
    const reason = error instanceof WaybillError ? error.hint : undefined;
    logger.warnThrottled('the target takes no writes now; waiting', { reason, err: error });
  };
}
