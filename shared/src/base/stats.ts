/**
 * What a running capture or load tells about itself. These are plain mutable objects: the service
 * updates them in place. The command's progress display and the metrics sample them on their own
 * timers. Counters are of this run unless said otherwise.
 */
import type { ClusterTime } from './position.ts';
import { noTrouble, type WriteTrouble } from './write-trouble.ts';

/** The content so far of a segment that is being written. */
export interface OpenCount {
  readonly records: number;
  readonly documentBytes: number;
}

export interface CollectionProgress {
  /** Durable documents: committed, or on the target. Includes the documents of earlier runs. */
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
  /**
   * The whole snapshot, no matter which run copied it. Empty in a run that began after it was done.
   */
  readonly collections: Map<string, CollectionProgress>;
  /** Change records, and the bytes of documents and deltas in them. */
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
  /** The newest operation time that the source gave. Lag is this minus the watermark. */
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

/** How a load holds its writes back. */
export interface Pace {
  /** Nothing is written until the operator resumes the load. */
  paused: boolean;
  /** Batches that may be under way at once: now, and at most. */
  atOnce: number;
  atOnceMost: number;
  /** The operator's limit, a second; null: none. */
  documentsPerSecond: number | null;
  bytesPerSecond: number | null;
  /**
   * Documents a second that the ramp of the target allows the collection written last; null: it has
   * no ramp.
   */
  rampPerSecond: number | null;
  /** Times that the target asked for fewer writes. */
  pushBacks: number;
  /** Batches that a limit or the ramp held back, and for how long together. */
  waits: number;
  waitedMs: number;
}

export interface LoadStats extends RunStats {
  readonly kind: 'load';
  readonly pace: Pace;
  readonly trouble: WriteTrouble;
  /**
   * The watermark of the stream in the bucket, as far as it was read. Lag is this minus the load's
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
  /** Dead letters of the load that are open, those of earlier runs included. */
  deadLettersOpen: number;
  /** By rule. */
  readonly deadLettersWritten: Map<string, number>;
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
 * An attempt may wait longer than this for its answer. Its failure is then news again when it
 * comes.
 */
const ATTEMPT_MS = 5000;

/**
 * Records that a call to the bucket failed and is tried again after `delayMs`. The bucket counts as
 * away until that attempt has had its chance.
 */
export function noteBucketFailure(stats: RunStats, delayMs: number): void {
  const now = performance.now();
  stats.bucketFailing = { since: now - (bucketAwayMs(stats, now) ?? 0), until: now + delayMs + ATTEMPT_MS };
}

/**
 * How long the bucket has been away, in milliseconds; null if it is there. `at` is of the monotonic
 * clock.
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
    trouble: noTrouble(),
    pace: {
      paused: false,
      atOnce: 0,
      atOnceMost: 0,
      documentsPerSecond: null,
      bytesPerSecond: null,
      rampPerSecond: null,
      pushBacks: 0,
      waits: 0,
      waitedMs: 0,
    },
    streamWatermark: null,
    streamSequence: 0,
    batches: 0,
    coalesced: 0,
    deletes: 0,
    bucketBytes: 0,
    indexesBuilt: 0,
    indexesTotal: 0,
    deadLettersOpen: 0,
    deadLettersWritten: new Map(),
  };
}

/** Returns the collection's entry; a new entry has zeroes. */
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
  /** Read, but not committed yet. `documents` and `bytes` do not include them. */
  openDocuments: number;
  openBytes: number;
  collections: number;
  collectionsDone: number;
}

/** Sums over collections. A sum does not pass its total, even if an estimate proved too small. */
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
