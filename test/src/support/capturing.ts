import { type CaptureResult, runCapture } from '@waybill/capture/capture';
import { type CaptureSettings, DEFAULT_CAPTURE_SETTINGS } from '@waybill/capture/settings';
import type { Bucket } from '@waybill/shared/bucket/bucket';
import { createLogger, type Logger } from '@waybill/shared/logger';
import { createMetrics } from '@waybill/shared/metrics';
import { connect, type MongoConnection } from '@waybill/shared/mongo/connection';
import { type CaptureStats, createCaptureStats } from '@waybill/shared/stats';

export interface RunningCapture {
  readonly stats: CaptureStats;
  readonly ended: Promise<CaptureResult>;
  stop(): Promise<CaptureResult>;
}

/** `WAYBILL_TEST_LOG=debug` shows what captures do. */
const level = (process.env.WAYBILL_TEST_LOG ?? 'silent') as 'silent';
const logger: Logger = createLogger({ level });

/** A capture in this process, with small commits so that little data makes many. */
export function startCapture(
  source: MongoConnection,
  bucket: Bucket,
  settings: Partial<CaptureSettings>,
): RunningCapture {
  const controller = new AbortController();
  const stats = createCaptureStats();
  const ended = runCapture(
    { ...DEFAULT_CAPTURE_SETTINGS, commitIntervalMs: 50, maxAwaitMs: 100, ...settings },
    { source, bucket, logger, metrics: createMetrics(), stats, signal: controller.signal },
  );
  // A failure is met by whoever waits for the end; until then it must not end the process.
  ended.catch(() => undefined);
  return {
    stats,
    ended,
    stop: () => {
      controller.abort();
      return ended;
    },
  };
}

export function connectSource(uri: string): Promise<MongoConnection> {
  return connect(uri, { role: 'source' });
}
