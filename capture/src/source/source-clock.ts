import type { Logger } from '@waybill/shared/base/logger';
import type { ClusterTime } from '@waybill/shared/base/position';
import { retry } from '@waybill/shared/base/retry';
import type { MongoConnection } from '@waybill/shared/mongo/driver/connection';
import { currentOperationTime } from '@waybill/shared/mongo/facts/operation-time';

export interface SourceClock {
  readonly connection: MongoConnection;
  readonly logger: Logger;
  readonly signal: AbortSignal;
}

const NOTICE_MS = 5_000;

/**
 * A time at or after every write that the source acknowledged before the call. A majority must
 * confirm it; while none does, the log says so.
 */
export async function sourceTime({ connection, logger, signal }: SourceClock): Promise<ClusterTime> {
  const notice = setInterval(
    () =>
      logger.warn(
        'no majority of the source confirms what its primary has; members that hold data may be down or far behind (rs.status() shows them)',
      ),
    NOTICE_MS,
  );
  try {
    return await retry(() => currentOperationTime(connection, { signal }), undefined, { signal });
  } finally {
    clearInterval(notice);
  }
}
