/** The metrics of captures and loads. docs/metrics.md is made from this table. */

export interface MetricEntry {
  readonly type: 'counter' | 'gauge' | 'histogram';
  readonly name: `waybill_${string}`;
  readonly help: string;
  readonly labels: readonly string[];
}

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
  loadConflicts: entry({
    type: 'counter',
    name: 'waybill_load_conflicts_total',
    help: 'Documents that a unique index of the target kept out, by index, and how that ended.',
    labels: ['namespace', 'index', 'outcome'],
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
