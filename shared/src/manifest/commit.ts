import type { Operation } from '../base/record.ts';

/**
 * The parts of a manifest commit as they stand in the bucket (bucket format rules BF-1 to BF-7).
 * JSON; sizes in bytes; cluster times `<seconds>:<increment>`; raw BSON and tokens base64; hashes
 * SHA-256 in hex; times of day ISO 8601 UTC.
 */
export interface Commit extends CommitBody {
  readonly formatVersion: number;
  /** What a reader must know beyond the version; one that lacks any refuses the commit. */
  readonly features: readonly string[];
  /** 1 for the first, then gap-free. Equal to the number in the object's key. */
  readonly seq: number;
  readonly epoch: number;
  /** Which process wrote it, for people: host, process id, random part. */
  readonly writer: string;
  /**
   * Random, one a commit attempt: how a writer recognises its own commit after an ambiguous put.
   */
  readonly attempt: string;
  /** SHA-256 of the previous commit's bytes; null in commit 1. */
  readonly previous: string | null;
  readonly at: string;
}

/** What a writer supplies; all optional, and one commit makes all of it visible together. */
export interface CommitBody {
  /** Where the change stream goes on after this commit. */
  readonly position?: CommittedPosition;
  /** The last sequence given out so far. */
  readonly lastSequence?: number;
  readonly segments?: readonly SegmentEntry[];
  /**
   * Collections when first seen or changed. Beside `ddl`: what that left, and beside an empty one
   * what has another uuid now or has been read again. Otherwise the inventory that the snapshot
   * belongs to, by T0's names: one commit, or several before the first with `ddl`.
   */
  readonly collections?: readonly CollectionDefinition[];
  /** Planned chunks of the snapshot, when planned. */
  readonly plan?: readonly ChunkPlan[];
  /** Progress of chunks, with the segments that hold their documents. */
  readonly chunks?: readonly ChunkProgress[];
  /**
   * Structure changes in stream order. Such a commit holds no change segment: it is a barrier
   * between two commits.
   */
  readonly ddl?: readonly DdlEvent[];
  readonly milestones?: readonly Milestone[];
  /** A transaction goes on in the next commit: memory forced the cut. */
  readonly partialTransaction?: true;
  /**
   * The collection is being read whole behind the change of structure at that time, of which this
   * commit has all; its documents follow while the position stays. Whoever begins again at the
   * position reads it again, and repeats no structure change. Null: it has been read.
   */
  readonly reading?: Reading | null;
  /**
   * An operator's note: written by a process that does not own the log, with the current epoch,
   * milestones only. An owner that loses a number to a note takes the note in and tries the next
   * number.
   */
  readonly note?: true;
}

export interface Reading {
  readonly namespace: string;
  /** Of the event behind which it is read. */
  readonly clusterTime: string;
}

export interface CommittedPosition {
  readonly clusterTime: string;
  readonly resumeToken: string | null;
  /** Hash of the change stream's options; a token is good only for the options it was made with. */
  readonly options: string;
  /**
   * How many captured insert, update, replace and delete events of exactly `clusterTime` lie before
   * the position. Where the token can not be used, the stream starts at the cluster time, which is
   * inclusive, and drops that many.
   */
  readonly taken?: number;
  /**
   * Cluster time of the last event that the change stream gave before the position, captured or
   * not. A source that has no event at that time is not the one that it was given by, or was put
   * back to a state before it.
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
  /** Of the run's bytes, so that a reader of some lanes can check what it fetched. */
  readonly sha256: string;
}

export interface CollectionDefinition {
  readonly namespace: string;
  readonly type: 'collection' | 'view';
  /** Hex, or null where the source has none to give (views). */
  readonly uuid: string | null;
  /** Raw BSON of listCollections' `options`, base64. */
  readonly options: string;
  /** Raw BSON of each listIndexes entry, base64, the `_id` index included. */
  readonly indexes: readonly string[];
  /** Changes of this collection go whole to one lane: a non-simple default collation, or capped. */
  readonly singleLane: boolean;
  readonly capped: boolean;
  /** Estimates for progress; exact nowhere. */
  readonly documents: number;
  readonly bytes: number;
  /** False for a collection that has no snapshot of its own: a view, or one born after T0. */
  readonly snapshot: boolean;
}

/** One `_id` range of a collection's snapshot: lower inclusive, upper exclusive; null is open. */
export interface ChunkPlan {
  readonly namespace: string;
  readonly chunk: number;
  /** Raw BSON of `{_id: bound}`, base64. */
  readonly lower: string | null;
  readonly upper: string | null;
  /**
   * Read in natural order instead: the whole collection, as one chunk; documents may come more than
   * once.
   */
  readonly natural?: true;
}

export interface ChunkProgress {
  readonly namespace: string;
  readonly chunk: number;
  /**
   * Raw BSON of `{_id: …}` of the last document in a committed segment, base64; null before the
   * first.
   */
  readonly lastId: string | null;
  /**
   * In natural order: the server's positions after committed segments, raw BSON in base64, the
   * newest first.
   */
  readonly positions?: readonly string[];
  readonly done: boolean;
  /** Documents so far. */
  readonly records: number;
  /** The collection was dropped or replaced meanwhile: the stream of changes has it all. */
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
  /** The database alone for dropDatabase. */
  readonly namespace: string;
  /** rename only */
  readonly to?: string;
  readonly collectionUuid: string | null;
  readonly clusterTime: string;
  readonly wallTime: number | null;
  /**
   * Raw BSON of the event's `operationDescription`, base64; null where the source sends none
   * (before 6.0).
   */
  readonly description: string | null;
  /**
   * drop only: the source dropped nothing. What was captured under the name gives way
   * to what is read behind it.
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
  | 'aborted';

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
  /** Namespaces that held progress of loads on the source. */
  readonly progress?: readonly string[];
}
