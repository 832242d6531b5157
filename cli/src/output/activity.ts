/**
 * What a run's stats say at one moment. Progress lines on a terminal and log lines show it. Pure.
 */
import { formatRateLimit } from '@waybill/load/rate/limit';
import type { LogFields } from '@waybill/shared/base/logger';
import { lagSeconds } from '@waybill/shared/base/metrics';
import { formatClusterTime } from '@waybill/shared/base/position';
import {
  bucketAwayMs,
  type CaptureStats,
  type LoadStats,
  type Pace,
  type Totals,
  totals,
} from '@waybill/shared/base/stats';
import { oldestRetry, type WriteTrouble } from '@waybill/shared/base/write-trouble';
import { firstThatFits } from './fit.ts';
import { RateMeter } from './rate.ts';
import { formatBytes, formatCount, formatDuration, formatRate, formatShortCount } from './units.ts';

export interface Activity {
  readonly kind: 'capture' | 'load';
  readonly phase: string;
  readonly totals: Totals;
  readonly bytesPerSecond: number;
  readonly documentsPerSecond: number;
  /** Time left until the snapshot is done; null if nothing tells it. */
  readonly etaMs: number | null;
  readonly changes: number;
  readonly changesPerSecond: number;
  /** Seconds of cluster time; null until both ends are known. */
  readonly lagSeconds: number | null;
  /** How long the bucket has not answered. There is no lag then: nobody knows what is ahead. */
  readonly bucketAwayMs: number | null;
  readonly watermark: string | null;
  readonly indexes: { readonly built: number; readonly total: number } | null;
  /** The batch that has been tried again for longest: how long, and why. */
  readonly retrying: { readonly ms: number; readonly reason: string } | null;
  /** Null for a capture, and before the load has begun to write. */
  readonly pace: Readonly<Pace> | null;
}

/** Samples the stats of one run and keeps what rates need. */
export class ActivityMeter {
  readonly #stats: CaptureStats | LoadStats;
  readonly #bytes = new RateMeter();
  readonly #documents = new RateMeter();
  readonly #changes = new RateMeter();

  constructor(stats: CaptureStats | LoadStats) {
    this.#stats = stats;
  }

  /** `at` is in milliseconds of a monotonic clock. */
  sample(at: number): Activity {
    const stats = this.#stats;
    const sum = totals(stats);
    const bytes = sum.bytes + sum.openBytes;
    // Bytes that earlier runs copied appear at once: they say nothing about the speed of this run.
    this.#bytes.add(at, bytes - sum.earlierBytes);
    this.#documents.add(at, sum.documents + sum.openDocuments - sum.earlierDocuments);
    this.#changes.add(at, stats.changes);
    const bytesPerSecond = this.#bytes.perSecond();
    const left = sum.bytesTotal - bytes;
    const ahead = stats.kind === 'capture' ? stats.sourceTime : stats.streamWatermark;
    const { watermark } = stats;
    const awayMs = bucketAwayMs(stats, at);
    return {
      kind: stats.kind,
      phase: stats.phase,
      totals: sum,
      bytesPerSecond,
      documentsPerSecond: this.#documents.perSecond(),
      etaMs: left > 0 && bytesPerSecond > 0 ? (left / bytesPerSecond) * 1000 : null,
      changes: stats.changes,
      changesPerSecond: this.#changes.perSecond(),
      lagSeconds:
        ahead !== null && watermark !== null && awayMs === null ? lagSeconds(ahead, watermark) : null,
      bucketAwayMs: awayMs,
      watermark: watermark === null ? null : formatClusterTime(watermark),
      indexes:
        stats.kind === 'load' && stats.indexesTotal > 0
          ? { built: stats.indexesBuilt, total: stats.indexesTotal }
          : null,
      retrying: stats.kind === 'load' ? retryingOf(stats.trouble) : null,
      pace: stats.kind === 'load' && stats.pace.atOnceMost > 0 ? stats.pace : null,
    };
  }
}

function retryingOf(trouble: WriteTrouble): Activity['retrying'] {
  const oldest = oldestRetry(trouble);
  return oldest && { ms: Math.max(0, Date.now() - oldest.since), reason: oldest.reason };
}

export interface LineForm {
  /** Columns of the terminal. */
  readonly columns: number;
  /** Draws a share between 0 and 1: `width` characters and the percentage. */
  readonly bar: (share: number, width: number) => string;
}

/** How much of the activity a line shows, the fullest form first. */
const FORMS = [
  { bar: 24, documents: 'all', bytes: true, changes: 'all' },
  { bar: 10, documents: 'all', bytes: false, changes: 'all' },
  { bar: 10, documents: 'short', bytes: false, changes: 'rate' },
  { bar: 10, documents: 'none', bytes: false, changes: 'rate' },
  { bar: 0, documents: 'none', bytes: false, changes: 'none' },
] as const;

type Form = (typeof FORMS)[number];

/** The fullest form that fits the terminal. All forms have the rate, the time left and the lag. */
export function activityLine(activity: Activity, { columns, bar }: LineForm): string {
  const head = [activity.kind.padEnd(7), activity.phase.padEnd(8)];
  return firstThatFits(
    columns,
    FORMS.map((form) => [...head, ...facts(activity, form, bar)]),
  );
}

function facts(activity: Activity, form: Form, bar: LineForm['bar']): string[] {
  const { totals: sum, indexes } = activity;
  const inSnapshot = sum.collections > 0 && sum.collectionsDone < sum.collections;
  const parts = inSnapshot ? snapshotFacts(activity, form, bar) : [];
  if (!inSnapshot && sum.collections > 0 && form.documents !== 'none') {
    parts.push(`${formatCount(sum.documents)} documents`);
  }
  if (indexes !== null && activity.phase === 'indexes')
    parts.push(`indexes ${indexes.built}/${indexes.total}`);
  if (!inSnapshot || (activity.changes > 0 && form.changes !== 'none')) {
    const rate = `${formatCount(activity.changesPerSecond)}/s`;
    parts.push(
      form.changes === 'all' ? `${formatCount(activity.changes)} changes at ${rate}` : `changes ${rate}`,
    );
  }
  parts.push(...paceFacts(activity));
  if (activity.retrying !== null) parts.push(`retrying for ${formatDuration(activity.retrying.ms)}`);
  if (activity.bucketAwayMs !== null) parts.push(`no bucket for ${formatDuration(activity.bucketAwayMs)}`);
  if (activity.lagSeconds !== null) parts.push(`lag ${activity.lagSeconds} s`);
  return parts;
}

/** Nothing where nothing holds the load back. */
function paceFacts({ pace }: Activity): string[] {
  if (pace === null) return [];
  const parts: string[] = pace.paused ? ['paused'] : [];
  const limit = formatRateLimit({ documents: pace.documentsPerSecond, bytes: pace.bytesPerSecond });
  if (limit !== 'none') parts.push(`limit ${limit}`);
  if (pace.atOnce < pace.atOnceMost) parts.push(`${pace.atOnce} of ${pace.atOnceMost} batches at once`);
  return parts;
}

/** Only what says something. */
function paceFields(pace: Readonly<Pace>): LogFields {
  const { documentsPerSecond, bytesPerSecond, rampPerSecond, pushBacks, waitedMs } = pace;
  return {
    ...(pace.paused ? { paused: true } : {}),
    ...(documentsPerSecond === null ? {} : { limitDocumentsPerSecond: documentsPerSecond }),
    ...(bytesPerSecond === null ? {} : { limitBytesPerSecond: bytesPerSecond }),
    ...(rampPerSecond === null ? {} : { rampDocumentsPerSecond: Math.round(rampPerSecond) }),
    ...(pace.atOnce === pace.atOnceMost ? {} : { batchesAtOnce: pace.atOnce }),
    ...(pushBacks === 0 ? {} : { pushBacks }),
    ...(waitedMs === 0 ? {} : { heldSeconds: Math.round(waitedMs / 1000) }),
  };
}

function snapshotFacts(activity: Activity, form: Form, bar: LineForm['bar']): string[] {
  const { totals: sum, bytesPerSecond, etaMs } = activity;
  const documents = sum.documents + sum.openDocuments;
  const bytes = sum.bytes + sum.openBytes;
  const most = Math.max(documents, sum.documentsTotal);
  const parts = [bar(sum.bytesTotal > 0 ? Math.min(1, bytes / sum.bytesTotal) : 0, form.bar)];
  if (form.documents === 'all') parts.push(`${formatCount(documents)}/${formatCount(most)} documents`);
  if (form.documents === 'short') parts.push(`${formatShortCount(documents)}/${formatShortCount(most)}`);
  parts.push(
    form.bytes ? `${formatBytes(bytes)} at ${formatRate(bytesPerSecond)}` : formatRate(bytesPerSecond),
  );
  if (etaMs !== null) parts.push(`${formatDuration(etaMs)} left`);
  return parts;
}

export function activityFields(activity: Activity): LogFields {
  const { totals: sum } = activity;
  return {
    phase: activity.phase,
    collections: sum.collectionsDone,
    collectionsTotal: sum.collections,
    documents: sum.documents,
    documentsTotal: sum.documentsTotal,
    bytes: sum.bytes,
    ...(sum.openDocuments > 0 ? { uncommittedDocuments: sum.openDocuments } : {}),
    bytesPerSecond: Math.round(activity.bytesPerSecond),
    ...(activity.etaMs === null ? {} : { etaSeconds: Math.round(activity.etaMs / 1000) }),
    ...(activity.indexes === null
      ? {}
      : { indexes: activity.indexes.built, indexesTotal: activity.indexes.total }),
    ...(activity.pace === null ? {} : paceFields(activity.pace)),
    ...(activity.retrying === null
      ? {}
      : {
          retryingSeconds: Math.round(activity.retrying.ms / 1000),
          retryingBecause: activity.retrying.reason,
        }),
    changes: activity.changes,
    changesPerSecond: Math.round(activity.changesPerSecond),
    ...(activity.bucketAwayMs === null
      ? {}
      : { bucketAwaySeconds: Math.round(activity.bucketAwayMs / 1000) }),
    ...(activity.lagSeconds === null ? {} : { lagSeconds: activity.lagSeconds }),
    ...(activity.watermark === null ? {} : { watermark: activity.watermark }),
  };
}
