/**
 * Prometheus metrics, declared in one table. Each scrape reads what the stats already count
 * (`observeCapture`, `observeLoad`). Services touch only what stats cannot hold: durations and
 * retries by code.
 */
import { Counter, Gauge, Histogram, Registry } from 'prom-client';
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

interface MetricEntry {
  readonly type: 'counter' | 'gauge' | 'histogram';
  readonly name: `waybill_${string}`;
  readonly help: string;
  readonly labels: readonly string[];
}

const DURATION_BUCKETS_SECONDS = [0.005, 0.02, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30];

const entry = <const Entry extends MetricEntry>(value: Entry): Entry => value;

export const METRICS = {
  captureWatermark: entry({
    type: 'gauge',
    name: 'waybill_capture_watermark_seconds',
    help: 'Cluster time up to which everything is durable in the bucket, seconds since 1970.',
    labels: [],
  }),
  captureSourceTime: entry({
    type: 'gauge',
    name: 'waybill_capture_source_time_seconds',
    help: "The source's operation time as last seen, seconds since 1970.",
    labels: [],
  }),
  captureLag: entry({
    type: 'gauge',
    name: 'waybill_capture_lag_seconds',
    help: "The source's operation time minus the capture watermark, in seconds of cluster time.",
    labels: [],
  }),
  captureDocuments: entry({
    type: 'counter',
    name: 'waybill_capture_documents_total',
    help: 'Snapshot documents captured, those of earlier runs of an unfinished snapshot included.',
    labels: [],
  }),
  captureChanges: entry({
    type: 'counter',
    name: 'waybill_capture_changes_total',
    help: 'Change records captured by this process.',
    labels: [],
  }),
  captureCommits: entry({
    type: 'counter',
    name: 'waybill_capture_commits_total',
    help: 'Manifest commits made by this process.',
    labels: [],
  }),
  captureCommit: entry({
    type: 'histogram',
    name: 'waybill_capture_commit_seconds',
    help: 'Time of one commit, segment upload included.',
    labels: [],
  }),
  captureBuffered: entry({
    type: 'gauge',
    name: 'waybill_capture_buffered_bytes',
    help: 'Bytes read from the source that are not in the bucket yet.',
    labels: [],
  }),
  bucketBytes: entry({
    type: 'counter',
    name: 'waybill_bucket_bytes_total',
    help: 'Bytes of segments written to (capture) or read from (load) the bucket.',
    labels: ['direction'],
  }),
  loadAppliedWatermark: entry({
    type: 'gauge',
    name: 'waybill_load_applied_watermark_seconds',
    help: 'Cluster time up to which everything is applied to the target, seconds since 1970.',
    labels: [],
  }),
  loadLag: entry({
    type: 'gauge',
    name: 'waybill_load_lag_seconds',
    help: "The stream's watermark minus the applied watermark, in seconds of cluster time.",
    labels: [],
  }),
  loadDocuments: entry({
    type: 'counter',
    name: 'waybill_load_documents_total',
    help: 'Snapshot documents applied, those of earlier runs of an unfinished snapshot included.',
    labels: [],
  }),
  loadChanges: entry({
    type: 'counter',
    name: 'waybill_load_changes_total',
    help: 'Change records applied by this process.',
    labels: [],
  }),
  loadBatches: entry({
    type: 'counter',
    name: 'waybill_load_batches_total',
    help: 'Batches sent to the target by this process.',
    labels: [],
  }),
  loadBatch: entry({
    type: 'histogram',
    name: 'waybill_load_batch_seconds',
    help: 'Time of one batch, its progress written.',
    labels: [],
  }),
  loadIndexes: entry({
    type: 'gauge',
    name: 'waybill_load_indexes',
    help: 'Indexes of the stream, by state.',
    labels: ['state'],
  }),
  loadAtOnce: entry({
    type: 'gauge',
    name: 'waybill_load_batches_at_once',
    help: 'Batches that may be under way to the target at once; fewer after push back.',
    labels: [],
  }),
  loadLimit: entry({
    type: 'gauge',
    name: 'waybill_load_write_limit',
    help: "What the load may write in a second: documents and bytes by the operator's limit, ramp in documents by that of the target. Absent without one.",
    labels: ['of'],
  }),
  loadPushBacks: entry({
    type: 'counter',
    name: 'waybill_load_push_backs_total',
    help: 'Times that the target asked this process for fewer writes.',
    labels: [],
  }),
  loadHeld: entry({
    type: 'counter',
    name: 'waybill_load_held_batches_total',
    help: 'Batches of this process that waited for a limit or the ramp.',
    labels: [],
  }),
  loadHeldTime: entry({
    type: 'counter',
    name: 'waybill_load_held_seconds_total',
    help: 'How long they waited, added up.',
    labels: [],
  }),
  loadRetries: entry({
    type: 'counter',
    name: 'waybill_load_retries_total',
    help: 'Attempts to write that were repeated, by class of the error.',
    labels: ['class'],
  }),
  loadOldestRetry: entry({
    type: 'gauge',
    name: 'waybill_load_oldest_retry_seconds',
    help: 'How long the oldest of the batches that are tried again has been; 0 where there is none.',
    labels: [],
  }),
  loadLetters: entry({
    type: 'gauge',
    name: 'waybill_load_dead_letters_open',
    help: 'Dead letters of the load that are open.',
    labels: [],
  }),
  loadLettersWritten: entry({
    type: 'counter',
    name: 'waybill_load_dead_letters_total',
    help: 'Records put aside as dead letters by this process, by the rule that refused them.',
    labels: ['rule'],
  }),
  retries: entry({
    type: 'counter',
    name: 'waybill_retries_total',
    help: 'Attempts repeated after a passing failure, by error code.',
    labels: ['code'],
  }),
} as const;

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
