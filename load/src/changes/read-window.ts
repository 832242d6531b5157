import type { RetryOptions } from '@waybill/shared/base/retry';
import type { LoadStats } from '@waybill/shared/base/stats';
import type { ObjectReader } from '@waybill/shared/bucket/bucket';
import { segmentKey } from '@waybill/shared/manifest/keys';
import { readChangeSegment } from '@waybill/shared/segment/read/reader';
import type { Origin } from '../apply/batch.ts';
import type { LaneCursor } from '../progress/progress.ts';
import type { Takes } from '../settings/load-filter.ts';
import { ChangeOrigin } from './change-origin.ts';
import { Coalescer } from './coalesce.ts';
import type { Window } from './window.ts';

export interface ReadWindowDeps {
  readonly bucket: ObjectReader;
  readonly streamPrefix: string;
  readonly takes: Takes;
  readonly stats: LoadStats;
  /** Of a segment that is fetched once more. */
  readonly onReadAgain: RetryOptions['onRetry'];
  readonly signal: AbortSignal;
}

/** Last states of one lane over the window, or over the part of it that is in memory. */
export interface LanePart {
  readonly lane: number;
  readonly changes: Coalescer;
  readonly origin: Origin;
}

/**
 * The window lane by lane. Of several segments, all are read before the first lane is given out, so
 * that coalescing spans them; their bytes are bounded by the window. One segment, which may be as
 * large as the capture made it, is given out as it is read: its records are grouped by lane, so
 * only the lane in hand is held here.
 *
 * Each segment is checked whole before anything is taken out of it (INV-7). Lanes whose cursor is
 * past a commit get nothing from it, and no lane gets what the load does not take.
 */
export async function* readWindow(
  deps: ReadWindowDeps,
  window: Window,
  cursors: readonly LaneCursor[],
): AsyncGenerator<LanePart, void, undefined> {
  const { bucket, streamPrefix, takes, stats, onReadAgain: onRetry, signal } = deps;
  const givesOutEarly = window.segments.length === 1;
  const lanes = new Map<number, Coalescer>();
  for (const { seq, entry } of window.segments) {
    const key = segmentKey(streamPrefix, entry.key);
    for await (const block of readChangeSegment(bucket, key, entry, { signal, onRetry })) {
      if ((cursors[block.lane]?.seq ?? 0) >= seq) continue;
      let changes = lanes.get(block.lane);
      if (!changes) {
        if (givesOutEarly) yield* parts(lanes, window);
        changes = new Coalescer();
        lanes.set(block.lane, changes);
      }
      for (const record of block.records) if (takes(record.namespace)) changes.add(record);
    }
    stats.bucketBytes += entry.bytes;
  }
  yield* parts(lanes, window);
}

function* parts(lanes: Map<number, Coalescer>, { segments }: Window): Generator<LanePart, void, undefined> {
  for (const [lane, changes] of lanes) {
    lanes.delete(lane);
    yield { lane, changes, origin: new ChangeOrigin(lane, changes, segments) };
  }
}
