/** What a run's stats say at one moment: for the progress lines of a terminal and for log lines. Pure. */
import type { LogFields } from '@waybill/shared/logger';
import { lagSeconds } from '@waybill/shared/metrics';
import { formatClusterTime } from '@waybill/shared/position';
import { type CaptureStats, type LoadStats, type Totals, totals } from '@waybill/shared/stats';
import { RateMeter } from './rate.ts';
import { formatBytes, formatCount, formatDuration, formatRate } from './units.ts';

export interface Activity {
  readonly kind: 'capture' | 'load';
  readonly phase: string;
  readonly totals: Totals;
  readonly bytesPerSecond: number;
  readonly documentsPerSecond: number;
  /** Until the snapshot is done; null where there is nothing to tell it from. */
  readonly etaMs: number | null;
  readonly changes: number;
  readonly changesPerSecond: number;
  /** Seconds of cluster time; null until both ends are known. */
  readonly lagSeconds: number | null;
  readonly watermark: string | null;
  readonly indexes: string | null;
}

/** Samples the stats of one run; keeps what rates need. */
export class ActivityMeter {
  readonly #stats: CaptureStats | LoadStats;
  readonly #bytes = new RateMeter();
  readonly #documents = new RateMeter();
  readonly #changes = new RateMeter();

  constructor(stats: CaptureStats | LoadStats) {
    this.#stats = stats;
  }

  /** `at` in milliseconds of a monotonic clock. */
  sample(at: number): Activity {
    const stats = this.#stats;
    const sum = totals(stats);
    this.#bytes.add(at, sum.bytes);
    this.#documents.add(at, sum.documents);
    this.#changes.add(at, stats.changes);
    const bytesPerSecond = this.#bytes.perSecond();
    const left = sum.bytesTotal - sum.bytes;
    const ahead = stats.kind === 'capture' ? stats.sourceTime : stats.streamWatermark;
    const { watermark } = stats;
    return {
      kind: stats.kind,
      phase: stats.phase,
      totals: sum,
      bytesPerSecond,
      documentsPerSecond: this.#documents.perSecond(),
      etaMs: left > 0 && bytesPerSecond > 0 ? (left / bytesPerSecond) * 1000 : null,
      changes: stats.changes,
      changesPerSecond: this.#changes.perSecond(),
      lagSeconds: ahead !== null && watermark !== null ? lagSeconds(ahead, watermark) : null,
      watermark: watermark === null ? null : formatClusterTime(watermark),
      indexes:
        stats.kind === 'load' && stats.indexesTotal > 0
          ? `${stats.indexesBuilt}/${stats.indexesTotal}`
          : null,
    };
  }
}

/** `bar` draws a share between 0 and 1. */
export function activityLine(activity: Activity, bar: (share: number) => string): string {
  const { totals: sum } = activity;
  const parts = [activity.kind.padEnd(7), activity.phase.padEnd(8)];
  const inSnapshot = sum.collections > 0 && sum.collectionsDone < sum.collections;
  if (inSnapshot) {
    parts.push(
      bar(sum.bytesTotal > 0 ? sum.bytes / sum.bytesTotal : 0),
      `${formatCount(sum.documents)}/${formatCount(sum.documentsTotal)} documents`,
      `${formatBytes(sum.bytes)} at ${formatRate(activity.bytesPerSecond)}`,
    );
    if (activity.etaMs !== null) parts.push(`${formatDuration(activity.etaMs)} left`);
  } else if (sum.collections > 0) {
    parts.push(`${formatCount(sum.documents)} documents`);
  }
  if (activity.indexes !== null && activity.phase === 'indexes') parts.push(`indexes ${activity.indexes}`);
  if (activity.changes > 0 || !inSnapshot) {
    parts.push(`${formatCount(activity.changes)} changes at ${formatCount(activity.changesPerSecond)}/s`);
  }
  if (activity.lagSeconds !== null) parts.push(`lag ${activity.lagSeconds} s`);
  return parts.join('  ');
}

export function activityFields(activity: Activity): LogFields {
  const { totals: sum } = activity;
  return {
    phase: activity.phase,
    collections: `${sum.collectionsDone}/${sum.collections}`,
    documents: sum.documents,
    documentsTotal: sum.documentsTotal,
    bytes: sum.bytes,
    bytesPerSecond: Math.round(activity.bytesPerSecond),
    ...(activity.etaMs === null ? {} : { etaSeconds: Math.round(activity.etaMs / 1000) }),
    ...(activity.indexes === null ? {} : { indexes: activity.indexes }),
    changes: activity.changes,
    changesPerSecond: Math.round(activity.changesPerSecond),
    ...(activity.lagSeconds === null ? {} : { lagSeconds: activity.lagSeconds }),
    ...(activity.watermark === null ? {} : { watermark: activity.watermark }),
  };
}
