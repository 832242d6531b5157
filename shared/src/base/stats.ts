/**
 * What a running capture or load tells about itself: plain mutable objects that the service updates
 * in place and that the command's progress display and the metrics sample on their own timers.
 * Counters are of this run unless said otherwise.
 */
import type { ClusterTime } from './position.ts';

/** What a segment that is being written holds so far. */
export interface OpenCount {
  readonly records: number;
  readonly documentBytes: number;
}

export interface CollectionProgress {
  /** Durable: committed, or on the target. Those of earlier runs are among them. */
  documents: number;
  /** An estimate, from the inventory. */
  documentsTotal: number;
  /** Bytes of BSON documents. */
  bytes: number;
  bytesTotal: number;
  /** The part of `documents` and `bytes` that earlier runs copied. */
  earlierDocuments: number;
  earlierBytes: number;
  /** Read, but not committed yet. */
  readonly open: Set<OpenCount>;
  done: boolean;
}

export interface RunStats {
  /** starting, snapshot, indexes, changes, stopping, done */
  phase: string;
  readonly startedAt: number;
  /** Of the whole snapshot, whoever copied it; empty in a run that began after it was done. */
  readonly collections: Map<string, CollectionProgress>;
  /** Change records; and the bytes of documents and deltas in them. */
  changes: number;
  changeBytes: number;
  /** The last sequence captured or applied. */
  sequence: number;
  /** Captured or applied up to here. */
  watermark: ClusterTime | null;
  retries: number;
  /** Set by {@link noteBucketFailure}. */
  bucketFailing: { readonly since: number; readonly until: number } | null;
}

export interface CaptureStats extends RunStats {
  readonly kind: 'capture';
  /** The newest operation time that the source told. Lag is this minus the watermark. */
  sourceTime: ClusterTime | null;
  commits: number;
  /** Seconds that the last commit took, segment upload included. */
  lastCommitSeconds: number;
  /** Bytes written into the bucket, as stored. */
  bucketBytes: number;
  segments: number;
  lookups: number;
  /** Bytes in buffers, not yet in the bucket. */
  bufferedBytes: number;
}

export interface LoadStats extends RunStats {
  readonly kind: 'load';
  /**
   * Watermark of the stream in the bucket, as far as it was read. Lag is this minus the load's
   * watermark.
   */
  streamWatermark: ClusterTime | null;
  /** Last sequence in the stream, as far as it was read. */
  streamSequence: number;
  batches: number;
  /** Change records that a later one of the same batch made unnecessary. */
  coalesced: number;
  deletes: number;
  bucketBytes: number;
  indexesBuilt: number;
  indexesTotal: number;
}

const runStats = (): RunStats => ({
  phase: 'starting',
  startedAt: Date.now(),
  collections: new Map(),
  changes: 0,
  changeBytes: 0,
  sequence: 0,
  watermark: null,
  retries: 0,
  bucketFailing: null,
});

/**
 * An attempt may wait for its answer longer than this; then the failure is news again when it
 * comes.
 */
const ATTEMPT_MS = 5000;

/**
 * A call to the bucket failed and is tried again after `delayMs`. Until that has had its chance
 * the bucket counts as away.
 */
export function noteBucketFailure(stats: RunStats, delayMs: number): void {
  const now = performance.now();
  stats.bucketFailing = { since: now - (bucketAwayMs(stats, now) ?? 0), until: now + delayMs + ATTEMPT_MS };
}

/**
 * For how long the bucket has been away, in milliseconds; null where it is there.
 * `at` of the monotonic clock.
 */
export function bucketAwayMs({ bucketFailing }: Pick<RunStats, 'bucketFailing'>, at: number): number | null {
  return bucketFailing && at < bucketFailing.until ? Math.max(0, at - bucketFailing.since) : null;
}

export function createCaptureStats(): CaptureStats {
  return {
    ...runStats(),
    kind: 'capture',
    sourceTime: null,
    commits: 0,
    lastCommitSeconds: 0,
    bucketBytes: 0,
    segments: 0,
    lookups: 0,
    bufferedBytes: 0,
  };
}

export function createLoadStats(): LoadStats {
  return {
    ...runStats(),
    kind: 'load',
    streamWatermark: null,
    streamSequence: 0,
    batches: 0,
    coalesced: 0,
    deletes: 0,
    bucketBytes: 0,
    indexesBuilt: 0,
    indexesTotal: 0,
  };
}

/** The collection's entry, made with zeroes where it is new. */
export function collectionProgress(stats: RunStats, namespace: string): CollectionProgress {
  let progress = stats.collections.get(namespace);
  if (!progress) {
    progress = {
      documents: 0,
      documentsTotal: 0,
      bytes: 0,
      bytesTotal: 0,
      earlierDocuments: 0,
      earlierBytes: 0,
      open: new Set(),
      done: false,
    };
    stats.collections.set(namespace, progress);
  }
  return progress;
}

/** Adds what an earlier run copied. */
export function countEarlier(
  progress: CollectionProgress,
  { records, documentBytes }: { readonly records: number; readonly documentBytes: number },
): void {
  progress.documents += records;
  progress.bytes += documentBytes;
  progress.earlierDocuments += records;
  progress.earlierBytes += documentBytes;
}

export interface Totals {
  documents: number;
  documentsTotal: number;
  bytes: number;
  bytesTotal: number;
  earlierDocuments: number;
  earlierBytes: number;
  /** Read, but not committed yet: beside `documents` and `bytes`, not in them. */
  openDocuments: number;
  openBytes: number;
  collections: number;
  collectionsDone: number;
}

/** Sums over collections. An estimate that proved too small does not make a sum pass its total. */
export function totals(stats: Pick<RunStats, 'collections'>): Totals {
  const sum: Totals = {
    documents: 0,
    documentsTotal: 0,
    bytes: 0,
    bytesTotal: 0,
    earlierDocuments: 0,
    earlierBytes: 0,
    openDocuments: 0,
    openBytes: 0,
    collections: stats.collections.size,
    collectionsDone: 0,
  };
  for (const each of stats.collections.values()) {
    sum.earlierDocuments += each.earlierDocuments;
    sum.earlierBytes += each.earlierBytes;
    for (const { records, documentBytes } of each.open) {
      sum.openDocuments += records;
      sum.openBytes += documentBytes;
    }
    sum.documents += each.documents;
    sum.bytes += each.bytes;
    sum.documentsTotal += each.done ? each.documents : Math.max(each.documents, each.documentsTotal);
    sum.bytesTotal += each.done ? each.bytes : Math.max(each.bytes, each.bytesTotal);
    if (each.done) sum.collectionsDone++;
  }
  return sum;
}
