import type { Logger } from '@waybill/shared/base/logger';
import type { Metrics } from '@waybill/shared/base/metrics';
import type { CaptureStats } from '@waybill/shared/base/stats';
import type { Bucket } from '@waybill/shared/bucket/bucket';
import type { MongoConnection } from '@waybill/shared/mongo/driver/connection';

export interface CaptureDeps {
  readonly bucket: Bucket;
  readonly source: MongoConnection;
  readonly logger: Logger;
  readonly metrics: Metrics;
  readonly stats: CaptureStats;
  /** A clean stop. */
  readonly signal: AbortSignal;
}

export interface StartDeps extends CaptureDeps {
  /** Later than the signal: ends the commits under way. */
  readonly giveUp: AbortSignal;
}
