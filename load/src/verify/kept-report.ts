/**
 * Keeps reports of comparisons beside the load's log, for those who ask later what was found.
 */

import { throwIfAborted } from '@waybill/shared/base/lifecycle';
import type { Logger } from '@waybill/shared/base/logger';
import { DEFAULT_RETRY, type RetryPolicy, retry } from '@waybill/shared/base/retry';
import type { Bucket } from '@waybill/shared/bucket/bucket';
import { loadPrefix, newReportName, reportKey } from '@waybill/shared/manifest/keys';
import type { VerifyReport } from './report.ts';

export interface KeepReportDeps {
  readonly bucket: Bucket;
  readonly stream: string;
  readonly load: string;
  readonly logger: Logger;
  readonly signal: AbortSignal;
}

/** The outcome of the command does not depend on it. */
const PATIENCE: RetryPolicy = { ...DEFAULT_RETRY, maxElapsedMs: 10_000 };

/** Its name in the load's folder. Null where it could not be kept: the log says so. */
export async function keepReport(
  { bucket, stream, load, logger, signal }: KeepReportDeps,
  command: 'verify' | 'cutover',
  report: VerifyReport,
): Promise<string | null> {
  const name = newReportName(new Date(), command);
  const body = Buffer.from(`${JSON.stringify({ formatVersion: 1, command, stream, load, ...report })}\n`);
  try {
    const key = reportKey(loadPrefix(stream, load), name);
    await retry((_attempt, budget) => bucket.put(key, body, { signal, budget }), PATIENCE, { signal });
    return name;
  } catch (error) {
    throwIfAborted(signal);
    logger.warn('the report is not kept in the bucket', { err: error });
    return null;
  }
}
