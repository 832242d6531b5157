/**
 * Prometheus metrics; their table is metric-table.ts. Each scrape reads what the stats already
 * count (`observeCapture`, `observeLoad`). Services touch only what stats cannot hold: durations
 * and retries by code.
 */
import { Counter, Gauge, Histogram, Registry } from 'prom-client';
import { METRICS, type MetricEntry } from './metric-table.ts';
import { type ClusterTime, clusterTimeSeconds } from './position.ts';
import {
  bucketAwayMs,
  type CaptureStats,
  type LoadStats,
  type Pace,
  type RunStats,
  totals,
} from './stats.ts';
import { oldestRetry, type WriteTrouble } from './write-trouble.ts';

const DURATION_BUCKETS_SECONDS = [0.005, 0.02, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30];

type MetricOf<Entry extends MetricEntry> = Entry['type'] extends 'counter'
  ? Counter<Entry['labels'][number]>
  : Entry['type'] extends 'gauge'
    ? Gauge<Entry['labels'][number]>
    : Histogram<Entry['labels'][number]>;

export type Metrics = { readonly [Key in keyof typeof METRICS]: MetricOf<(typeof METRICS)[Key]> } & {
  /** Run before every scrape. */
  readonly samplers: (() => void)[];
  /** The text of a scrape. */
  render(): Promise<string>;
  readonly contentType: string;
};

export function createMetrics(): Metrics {
  const registry = new Registry();
  const made = Object.entries(METRICS).map(([key, each]) => [key, createMetric(each, registry)] as const);
  const samplers: (() => void)[] = [];
  const render = (): Promise<string> => {
    for (const sample of samplers) sample();
    return registry.metrics();
  };
  return { ...Object.fromEntries(made), samplers, render, contentType: registry.contentType } as Metrics;
}

function createMetric(each: MetricEntry, registry: Registry): Counter | Gauge | Histogram {
  const options = { name: each.name, help: each.help, labelNames: [...each.labels], registers: [registry] };
  if (each.type === 'counter') return new Counter(options);
  if (each.type === 'gauge') {
    // The gauge is absent until its value is known: a watermark of 0 would read as a lag of half a
    // century.
    const gauge = new Gauge(options);
    if (each.labels.length === 0) gauge.remove();
    return gauge;
  }
  return new Histogram({ ...options, buckets: DURATION_BUCKETS_SECONDS });
}

/** Copies the stats into the metrics at every scrape. */
export function observeCapture(metrics: Metrics, stats: CaptureStats): void {
  metrics.samplers.push(() => {
    total(metrics.captureDocuments, totals(stats).documents);
    total(metrics.captureChanges, stats.changes);
    total(metrics.captureCommits, stats.commits);
    total(metrics.bucketBytes, stats.bucketBytes, { direction: 'written' });
    metrics.captureBuffered.set(stats.bufferedBytes);
    const { watermark, sourceTime } = stats;
    if (watermark !== null) metrics.captureWatermark.set(clusterTimeSeconds(watermark));
    if (sourceTime !== null) metrics.captureSourceTime.set(clusterTimeSeconds(sourceTime));
    setLag(metrics.captureLag, stats, sourceTime);
  });
}

export function observeLoad(metrics: Metrics, stats: LoadStats): void {
  metrics.samplers.push(() => {
    total(metrics.loadDocuments, totals(stats).documents);
    total(metrics.loadChanges, stats.changes);
    metrics.loadLetters.set(stats.deadLettersOpen);
    for (const [rule, count] of stats.deadLettersWritten) total(metrics.loadLettersWritten, count, { rule });
    total(metrics.loadBatches, stats.batches);
    total(metrics.bucketBytes, stats.bucketBytes, { direction: 'read' });
    metrics.loadIndexes.set({ state: 'built' }, stats.indexesBuilt);
    metrics.loadIndexes.set({ state: 'waiting' }, Math.max(0, stats.indexesTotal - stats.indexesBuilt));
    observePace(metrics, stats.pace);
    observeTrouble(metrics, stats.trouble);
    const { watermark, streamWatermark } = stats;
    if (watermark !== null) metrics.loadAppliedWatermark.set(clusterTimeSeconds(watermark));
    setLag(metrics.loadLag, stats, streamWatermark);
  });
}

function observeTrouble(metrics: Metrics, trouble: WriteTrouble): void {
  for (const [kind, count] of trouble.retries) total(metrics.loadRetries, count, { class: kind });
  for (const { namespace, index, ...counts } of trouble.conflicts.values()) {
    for (const [outcome, count] of Object.entries(counts)) {
      total(metrics.loadConflicts, count, { namespace, index, outcome });
    }
  }
  const oldest = oldestRetry(trouble);
  metrics.loadOldestRetry.set(oldest ? Math.max(0, Date.now() - oldest.since) / 1000 : 0);
}

function observePace(metrics: Metrics, pace: Pace): void {
  if (pace.atOnceMost > 0) metrics.loadAtOnce.set(pace.atOnce);
  const limits = { documents: pace.documentsPerSecond, bytes: pace.bytesPerSecond, ramp: pace.rampPerSecond };
  for (const [of, limit] of Object.entries(limits)) {
    if (limit === null) metrics.loadLimit.remove({ of });
    else metrics.loadLimit.set({ of }, limit);
  }
  total(metrics.loadPushBacks, pace.pushBacks);
  total(metrics.loadHeld, pace.waits);
  total(metrics.loadHeldTime, pace.waitedMs / 1000);
}

/** Whole seconds of cluster time from `behind` to `ahead`, never negative. */
export function lagSeconds(ahead: bigint, behind: bigint): number {
  return Math.max(0, clusterTimeSeconds(ahead) - clusterTimeSeconds(behind));
}

/** The lag is absent while the bucket is away: nobody knows then what is ahead. */
function setLag(gauge: Gauge<never>, stats: RunStats, ahead: ClusterTime | null): void {
  if (ahead === null || stats.watermark === null) return;
  if (bucketAwayMs(stats, performance.now()) !== null) gauge.remove();
  else gauge.set(lagSeconds(ahead, stats.watermark));
}

function total(counter: Counter<string>, value: number, labels: Record<string, string> = {}): void {
  counter.remove(labels);
  counter.inc(labels, value);
}
