import { DEFAULT_RETRY, type RetryBudget, type RetryOptions, retry } from '@waybill/shared/base/retry';
import type { Bucket } from '@waybill/shared/bucket/bucket';
import type { SegmentEntry, StreamIdentity } from '@waybill/shared/manifest/commit';
import { newChangeSegmentKey, segmentKey } from '@waybill/shared/manifest/keys';
import { segmentExtension } from '@waybill/shared/segment/extension';
import { encodeChangeSegment, type LaneRecords } from '@waybill/shared/segment/write/change-writer';
import type { Change } from '../record/change.ts';

export interface UploadOptions {
  readonly bucket: Bucket;
  readonly prefix: string;
  readonly epoch: number;
  readonly identity: Pick<StreamIdentity, 'format' | 'codec' | 'lanes'>;
  readonly level: number | undefined;
  readonly signal: AbortSignal;
  readonly onRetry: RetryOptions['onRetry'];
}

/**
 * Encodes and uploads one run of changes as a whole, before any commit names it (BF-1). A crash
 * leaves a file that no commit names. Each name is new, so a repeated upload never meets another's.
 */
export async function uploadChanges(
  changes: readonly Change[],
  options: UploadOptions,
): Promise<SegmentEntry> {
  const { bucket, prefix, epoch, identity, level, signal, onRetry } = options;
  const { format, codec } = identity;
  const first = changes[0]!;
  const { chunks, entry } = await encodeChangeSegment({
    format,
    codec,
    level,
    records: byLane(changes, identity.lanes),
  });
  const key = newChangeSegmentKey({
    clusterTime: first.clusterTime,
    firstSequence: first.sequence,
    epoch,
    extension: segmentExtension(format, codec),
  });
  const whole = chunks.length === 1 ? chunks[0]! : null;
  const put = (_attempt: number, budget: RetryBudget) =>
    bucket.put(segmentKey(prefix, key), whole ?? pieces(chunks), { signal, budget });
  await retry(put, DEFAULT_RETRY, { signal, onRetry });
  return { ...entry, key };
}

function byLane(changes: readonly Change[], lanes: number): LaneRecords[] {
  const records: Change[][] = Array.from({ length: lanes }, () => []);
  for (const change of changes) records[change.lane]!.push(change);
  return records.map((of, lane) => ({ lane, records: of })).filter((each) => each.records.length > 0);
}

async function* pieces(chunks: readonly Buffer[]): AsyncGenerator<Buffer> {
  yield* chunks;
}
