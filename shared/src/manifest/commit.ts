import type { Operation } from '../base/record.ts';
import type { DeadLetterFile } from './dead-letter-file.ts';

/**
 * A manifest commit as it is stored in the bucket (bucket format rules BF-1 to BF-7). It is JSON.
 * Sizes are in bytes, cluster times are `<seconds>:<increment>`, raw BSON and tokens are base64,
 * hashes are SHA-256 in hex, times of day are ISO 8601 UTC.
 */
export interface Commit extends CommitBody {
  readonly formatVersion: number;
  /**
   * Features that a reader must know beyond the version. A reader that lacks one refuses the
   * commit.
   */
  readonly features: readonly string[];
  /** 1 for the first commit, then without gaps. Equals the number in the object's key. */
  readonly seq: number;
  readonly epoch: number;
  /** The process that wrote it, for people: host, process id, random part. */
  readonly writer: string;
  /**
   * Random, one per commit attempt. A writer recognises its own commit by it after an ambiguous
   * put.
   */
  readonly attempt: string;
  /** SHA-256 of the previous commit's bytes; null in commit 1. */
  readonly previous: string | null;
  readonly at: string;
}

/**
 * The part that a writer supplies. Every field is optional. One commit makes all of its fields
 * visible together.
 */
export interface CommitBody {
  /** The change stream resumes here after this commit. */
  readonly position?: CommittedPosition;
  /** The last sequence assigned so far. */
  readonly lastSequence?: number;
  readonly segments?: readonly SegmentEntry[];
  /**
   * Collections that are new or have changed. Beside `ddl`, they are what its events left. Beside
   * an empty `ddl`, they are collections that have another uuid now or have been read again.
   * Without `ddl`, they are the inventory that the snapshot belongs to, under the names of T0. The
   * inventory is one commit, or several before the first commit with `ddl`.
   */
  readonly collections?: readonly CollectionDefinition[];
  /** Chunks of the snapshot, in the commit that plans them. */
  readonly plan?: readonly ChunkPlan[];
  /** Progress of chunks, with the segments that hold their documents. */
  readonly chunks?: readonly ChunkProgress[];
  /**
   * Structure changes in stream order. A commit with structure changes holds no change segment: it
   * is a barrier between two commits.
   */
  readonly ddl?: readonly DdlEvent[];
  readonly milestones?: readonly Milestone[];
  /** A transaction continues in the next commit: memory forced the cut. */
  readonly partialTransaction?: true;
  /**
   * This collection is being read whole, after the structure change at this cluster time. The
   * commit holds all of that change. The documents follow while the position stays. A capture that
   * starts again at the position reads the collection again and repeats no structure change. Null:
   * the collection has been read.
   */
  readonly reading?: Reading | null;
  /**
   * An operator's note. A process that does not own the log writes it, with the current epoch and
   * with milestones only. An owner that loses a number to a note takes the note in and tries the
   * next number.
   */
  readonly note?: true;
  /** In the log of a load, and only its owner's: what became of records that the target refused. */
  readonly deadLetters?: DeadLetterFile;
}

export interface Reading {
  readonly namespace: string;
  /** Time of the event after which the collection is read. */
  readonly clusterTime: string;
}

export interface CommittedPosition {
  readonly clusterTime: string;
  readonly resumeToken: string | null;
  /**
   * Hash of the change stream's options. A token is good only for the options that it was made
   * with.
   */
  readonly options: string;
  /**
   * Number of captured insert, update, replace and delete events at exactly `clusterTime` that lie
   * before the position. If the token cannot be used, the stream starts at the cluster time, which
   * is inclusive, and drops this many.
   */
  readonly taken?: number;
  /**
   * Cluster time of the last event, captured or not, that the change stream gave before the
   * position. A source that has no event at that time is another source, or was restored to an
   * older state.
   */
  readonly lastEvent?: string;
}

export interface SegmentEntry {
  readonly kind: 'snapshot' | 'changes';
  /** Relative to the stream's folder. */
  readonly key: string;
  readonly format: 'avro' | 'jsonl';
  readonly codec: 'null' | 'deflate' | 'zstandard' | 'gzip';
  readonly bytes: number;
  readonly records: number;
  readonly sha256: string;
  /** Bytes of BSON documents inside, for progress and rates. */
  readonly documentBytes: number;
  /** snapshot only */
  readonly namespace?: string;
  readonly collectionUuid?: string | null;
  readonly chunk?: number;
  readonly part?: number;
  /** changes only */
  readonly firstSequence?: number;
  readonly lastSequence?: number;
  readonly firstClusterTime?: string;
  readonly lastClusterTime?: string;
  readonly operations?: { readonly [O in Operation]?: number | undefined };
  /** Length of the file's header, which a reader of single runs fetches first; avro only. */
  readonly headerBytes?: number;
  readonly lanes?: readonly LaneRun[];
}

/** One lane's bytes in a change segment: whole Avro blocks, or one compressed frame of lines. */
export interface LaneRun {
  readonly lane: number;
  readonly offset: number;
  readonly length: number;
  readonly records: number;
  readonly firstSequence: number;
  readonly lastSequence: number;
  /** Hash of the run's bytes. A reader of some lanes checks what it fetched with it. */
  readonly sha256: string;
}

export interface CollectionDefinition {
  readonly namespace: string;
  readonly type: 'collection' | 'view';
  /** Hex. Null if the source gives none (views). */
  readonly uuid: string | null;
  /** Raw BSON of listCollections' `options`, base64. */
  readonly options: string;
  /** Raw BSON of each listIndexes entry, base64, the `_id` index included. */
  readonly indexes: readonly string[];
  /**
   * All changes of this collection go to one lane: it is capped, or its default collation is not
   * simple.
   */
  readonly singleLane: boolean;
  readonly capped: boolean;
  /** Estimates for progress, never exact. */
  readonly documents: number;
  readonly bytes: number;
  /** False if the collection has no snapshot of its own: a view, or one created after T0. */
  readonly snapshot: boolean;
}

/**
 * One `_id` range of a collection's snapshot. The lower bound is inclusive, the upper bound is
 * exclusive; null is open.
 */
export interface ChunkPlan {
  readonly namespace: string;
  readonly chunk: number;
  /** Raw BSON of `{_id: bound}`, base64. */
  readonly lower: string | null;
  readonly upper: string | null;
  /**
   * The chunk is the whole collection, read in natural order. Documents may come more than once.
   */
  readonly natural?: true;
}

export interface ChunkProgress {
  readonly namespace: string;
  readonly chunk: number;
  /**
   * Raw BSON, in base64, of `{_id: …}` of the last document in a committed segment. Null before the
   * first.
   */
  readonly lastId: string | null;
  /**
   * For natural order only: the server's positions after committed segments, raw BSON in base64,
   * the newest first.
   */
  readonly positions?: readonly string[];
  readonly done: boolean;
  /** Documents so far. */
  readonly records: number;
  /** The collection was dropped or replaced meanwhile. The stream of changes has all of it. */
  readonly skipped?: true;
}

export type DdlOperation =
  | 'create'
  | 'drop'
  | 'rename'
  | 'dropDatabase'
  | 'createIndexes'
  | 'dropIndexes'
  | 'modify';

export interface DdlEvent {
  readonly operation: DdlOperation;
  /** Only the database for dropDatabase. */
  readonly namespace: string;
  /** rename only */
  readonly to?: string;
  readonly collectionUuid: string | null;
  readonly clusterTime: string;
  readonly wallTime: number | null;
  /**
   * Raw BSON of the event's `operationDescription`, in base64. Null if the source sends none
   * (before 6.0).
   */
  readonly description: string | null;
  /**
   * drop only: the source dropped nothing. The documents captured under the name give way to the
   * documents that are read after it.
   */
  readonly synthetic?: true;
}

export type MilestoneName =
  | 'capture-started'
  | 'capture-stopped'
  | 'snapshot-started'
  | 'collection-completed'
  | 'snapshot-completed'
  | 'caught-up'
  | 'writes-stopped'
  | 'drained'
  | 'history-lost'
  | 'stream-closed'
  | 'target-bound'
  | 'load-started'
  | 'snapshot-applied'
  | 'indexes-built'
  | 'cutover-started'
  | 'verified'
  | 'cutover'
  | 'aborted'
  | 'rate-set'
  | 'paused'
  | 'resumed'
  | 'obeyed'
  | 'dead-letters-asked'
  | 'dead-letters-answered';

export interface Milestone {
  readonly name: MilestoneName;
  readonly at: string;
  /**
   * T0 for snapshot-started, the source's operation time for writes-stopped, otherwise the
   * watermark at that moment.
   */
  readonly clusterTime: string | null;
  readonly sequence: number | null;
  /** Counts, checksums, namespaces, paths of reports: facts, never documents. */
  readonly evidence?: Readonly<Record<string, string | number | boolean | null>>;
}

/** `stream.json`: created once, never changed. */
export interface StreamIdentity {
  readonly formatVersion: number;
  readonly features: readonly string[];
  readonly stream: string;
  readonly createdAt: string;
  /** Replica set id, or the cluster id behind mongos; hex. */
  readonly source: string;
  readonly sourceTopology: 'replicaSet' | 'sharded';
  readonly lanes: number;
  readonly format: 'avro' | 'jsonl';
  readonly codec: SegmentEntry['codec'];
  readonly include: readonly string[];
  readonly exclude: readonly string[];
  readonly images: 'lookup' | 'post' | 'none';
  /** Namespaces on the source that held the progress of loads. */
  readonly progress?: readonly string[];
}
