import type { DataRecord } from '@waybill/shared/base/record';
import type { RetryOptions } from '@waybill/shared/base/retry';
import type { LoadStats } from '@waybill/shared/base/stats';
import type { ObjectReader } from '@waybill/shared/bucket/bucket';
import { segmentKey } from '@waybill/shared/manifest/keys';
import { readChangeSegment } from '@waybill/shared/segment/read/reader';
import type { Origin } from '../apply/batch.ts';
import { type LaneCursor, START } from '../progress/progress.ts';
import type { Takes } from '../settings/load-filter.ts';
import { ChangeOrigin } from './change-origin.ts';
import { Coalescer } from './coalesce.ts';
import { OpenImages } from './open-images.ts';
import type { Window, WindowSegment } from './window.ts';

export interface ReadWindowDeps {
  readonly bucket: ObjectReader;
  readonly streamPrefix: string;
  readonly takes: Takes;
  readonly stats: LoadStats;
  /** Called before a segment is fetched once more. */
  readonly onReadAgain: RetryOptions['onRetry'];
  /** Called where the window is cut: for how many documents it holds no state of that moment. */
  readonly onOpenImages: (documents: number) => void;
  readonly signal: AbortSignal;
}

/** Last states of one lane over the window, or over the part of it that is in memory. */
export interface LanePart {
  readonly lane: number;
  readonly changes: Coalescer;
  readonly origin: Origin;
}

/**
 * The window lane by lane. Where it has several segments, all are read before the first lane is
 * given out, so that coalescing spans them; the window bounds their bytes. A single segment may be
 * as large as the capture made it. It is given out as it is read: its records are grouped by lane,
 * so only the lane in hand is held here.
 *
 * Each segment is checked whole before anything is taken out of it (INV-7). A lane gets nothing
 * that its cursor has passed, nothing after a cut, and nothing that the load does not take.
 */
export async function* readWindow(
  deps: ReadWindowDeps,
  window: Window,
  cursors: readonly LaneCursor[],
): AsyncGenerator<LanePart, void, undefined> {
  const { bucket, streamPrefix, takes, stats, onReadAgain: onRetry, signal } = deps;
  const givesOutEarly = window.segments.length === 1;
  const lanes = new Map<number, Coalescer>();
  const open = new OpenImages();
  for (const segment of window.segments) {
    const { seq, entry } = segment;
    const key = segmentKey(streamPrefix, entry.key);
    for await (const { lane, records } of readChangeSegment(bucket, key, entry, { signal, onRetry })) {
      const cursor = cursors[lane] ?? START;
      if (cursor.seq >= seq) continue;
      let changes = lanes.get(lane);
      if (!changes) {
        if (givesOutEarly) yield* parts(lanes, window);
        changes = new Coalescer();
        lanes.set(lane, changes);
      }
      for (const record of wanted(records, segment, cursor)) {
        if (!takes(record.namespace)) continue;
        changes.add(record);
        if (segment.through !== undefined) open.see(record);
      }
    }
    stats.bucketBytes += entry.bytes;
  }
  if (open.size > 0) deps.onOpenImages(open.size);
  yield* parts(lanes, window);
}

/** A load that stopped inside a commit has applied the first part of it. */
function wanted(
  records: readonly DataRecord[],
  { seq, through }: WindowSegment,
  cursor: LaneCursor,
): readonly DataRecord[] {
  const after = seq === cursor.seq + 1 ? cursor.sequence : 0;
  const first = records[0];
  const last = records.at(-1);
  if (!first || !last) return records;
  if (first.sequence > after && (through === undefined || last.sequence <= through)) return records;
  return records.filter(({ sequence }) => sequence > after && (through === undefined || sequence <= through));
}

function* parts(lanes: Map<number, Coalescer>, { segments }: Window): Generator<LanePart, void, undefined> {
  for (const [lane, changes] of lanes) {
    lanes.delete(lane);
    yield { lane, changes, origin: new ChangeOrigin(lane, changes, segments) };
  }
}
