/**
 * What the stream took in between two moments. Tells changes that somebody wrote from documents
 * that expired.
 */
import type { Bucket } from '@waybill/shared/bucket/bucket';
import type { SegmentEntry } from '@waybill/shared/manifest/commit';
import { segmentKey } from '@waybill/shared/manifest/keys';
import type { LogPoint } from '@waybill/shared/manifest/known-head';
import { readCommits } from '@waybill/shared/manifest/log';
import { readChangeSegment } from '@waybill/shared/segment/read/reader';
import { concerns, type Takes } from '../settings/load-filter.ts';

export interface LateChangesOptions {
  readonly after: LogPoint;
  /** Up to this commit. */
  readonly until: number;
  /**
   * Whether the load takes that namespace. Writes to others do not concern its cutover.
   */
  readonly takes: Takes;
  /** Whether documents of that namespace expire by themselves. */
  readonly expires: (namespace: string) => boolean;
  readonly signal: AbortSignal;
}

/**
 * Changes that no expiry explains: all but deletes in collections whose documents expire. There, an
 * expiry cannot be told from an application's delete; the target gets both. Stops counting at the
 * first file that has one, so a source in full use is not read to its end.
 */
export async function countLateChanges(
  bucket: Bucket,
  prefix: string,
  options: LateChangesOptions,
): Promise<number> {
  const { after, until, takes, signal } = options;
  for await (const { commit } of readCommits(bucket, prefix, { after, signal })) {
    if (commit.seq > until) break;
    const ddl = (commit.ddl ?? []).filter((event) => concerns(event, takes));
    if (ddl.length > 0) return ddl.length;
    for (const segment of commit.segments ?? []) {
      if (segment.kind !== 'changes') continue;
      const unexplained = await countUnexplained(bucket, prefix, segment, options);
      if (unexplained > 0) return unexplained;
    }
  }
  return 0;
}

async function countUnexplained(
  bucket: Bucket,
  prefix: string,
  segment: SegmentEntry,
  { takes, expires, signal }: LateChangesOptions,
): Promise<number> {
  let unexplained = 0;
  for await (const { records } of readChangeSegment(bucket, segmentKey(prefix, segment.key), segment, {
    signal,
  })) {
    for (const { namespace, operation } of records) {
      const isExplained = operation === 'delete' && expires(namespace);
      if (takes(namespace) && !isExplained) unexplained++;
    }
  }
  return unexplained;
}
