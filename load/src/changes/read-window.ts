import type { Bucket } from '@waybill/shared/bucket/bucket';
import { segmentKey } from '@waybill/shared/manifest/keys';
import { readChangeSegment } from '@waybill/shared/segment/reader';
import type { LoadStats } from '@waybill/shared/stats';
import type { LaneCursor } from '../progress/progress.ts';
import { Coalescer } from './coalesce.ts';
import type { Window } from './window.ts';

export interface ReadWindowDeps {
  readonly bucket: Bucket;
  readonly streamPrefix: string;
  readonly stats: LoadStats;
  readonly signal: AbortSignal;
}

/**
 * Every lane's last states over a window. Each segment is checked whole before anything is taken out of it, and nothing
 * is applied before the last one is read. Lanes whose cursor is past a commit get nothing from it.
 */
export async function readWindow(
  deps: ReadWindowDeps,
  window: Window,
  cursors: readonly LaneCursor[],
): Promise<ReadonlyMap<number, Coalescer>> {
  const lanes = new Map<number, Coalescer>();
  const { bucket, streamPrefix, stats, signal } = deps;
  for (const { seq, entry } of window.segments) {
    for await (const block of readChangeSegment(bucket, segmentKey(streamPrefix, entry.key), entry, {
      signal,
    })) {
      if ((cursors[block.lane]?.seq ?? 0) >= seq) continue;
      let coalescer = lanes.get(block.lane);
      if (!coalescer) {
        coalescer = new Coalescer();
        lanes.set(block.lane, coalescer);
      }
      for (const record of block.records) coalescer.add(record);
    }
    stats.bucketBytes += entry.bytes;
  }
  return lanes;
}
