/** The state that a log adds up to; see fold.ts. */

import type {
  ChunkPlan,
  ChunkProgress,
  CollectionDefinition,
  CommittedPosition,
  DdlEvent,
  Milestone,
  Reading,
  SegmentEntry,
} from './commit.ts';
import type { DeadLetterFile, LetterCounts } from './dead-letter-file.ts';

export interface ChunkState extends ChunkPlan {
  /** Null before the first commit with a segment of this chunk. */
  readonly progress: ChunkProgress | null;
}

export interface Totals {
  readonly commits: number;
  readonly changeSegments: number;
  readonly changeRecords: number;
  /** Bytes of files. */
  readonly changeBytes: number;
  /** Bytes of BSON in them. */
  readonly changeDocumentBytes: number;
  readonly snapshotSegments: number;
  readonly snapshotRecords: number;
  readonly snapshotBytes: number;
  readonly snapshotDocumentBytes: number;
  readonly ddlEvents: number;
  readonly milestones: number;
}

/** What a load's log says of its dead letters. */
export interface DeadLetters {
  /** The number of the last one. */
  readonly letters: number;
  /** Sums over all files, by rule. */
  readonly rules: Readonly<Record<string, LetterCounts>>;
  /** In order. */
  readonly files: readonly DeadLetterFile[];
}

/** How a DDL commit changes which collections there are. */
export interface StructureChange {
  readonly ddl: readonly DdlEvent[];
  /** The collections that it left, as far as the commit says so. */
  readonly collections: readonly CollectionDefinition[];
}

export interface StreamState {
  /** Head: the last commit's number; 0 for a log that does not exist yet. */
  readonly seq: number;
  /** SHA-256 of the head's bytes; null at 0. */
  readonly hash: string | null;
  /** 0 before the first commit. */
  readonly epoch: number;
  /** Who owns the epoch. */
  readonly writer: string;
  /** When the head was written, by its writer's clock. */
  readonly at: string;
  readonly position: CommittedPosition | null;
  readonly lastSequence: number;
  /** The head leaves a transaction open. The next commit with changes continues it. */
  readonly partialTransaction: boolean;
  /**
   * The collection that is being read whole after a structure change. The log has that change, and
   * the position has not passed it.
   */
  readonly reading: Reading | null;
  /**
   * The inventory that the snapshot belongs to, under the names of T0. A load creates these
   * collections before anything else.
   */
  readonly collections: ReadonlyMap<string, CollectionDefinition>;
  /** The collections under their names as of the head. Every DDL event of the log is applied. */
  readonly currentCollections: ReadonlyMap<string, CollectionDefinition>;
  /**
   * Structure changes that were committed before the inventory. They serve to work out the current
   * names when it comes; null from then on. The inventory is one commit, or several before the
   * first structure change.
   */
  readonly ddlBeforeInventory: readonly StructureChange[] | null;
  /** By T0's namespace, then chunk number. */
  readonly chunks: ReadonlyMap<string, ReadonlyMap<number, ChunkState>>;
  readonly snapshotSegments: readonly SegmentEntry[];
  /**
   * In order. A name that comes often keeps its first and its latest ones (MILESTONES_PER_NAME).
   */
  readonly milestones: readonly Milestone[];
  readonly totals: Totals;
  /** Null for a log that never had one. */
  readonly deadLetters: DeadLetters | null;
}

export const EMPTY_STATE: StreamState = {
  seq: 0,
  hash: null,
  epoch: 0,
  writer: '',
  at: '',
  position: null,
  lastSequence: 0,
  partialTransaction: false,
  reading: null,
  collections: new Map(),
  currentCollections: new Map(),
  ddlBeforeInventory: [],
  chunks: new Map(),
  snapshotSegments: [],
  milestones: [],
  totals: {
    commits: 0,
    changeSegments: 0,
    changeRecords: 0,
    changeBytes: 0,
    changeDocumentBytes: 0,
    snapshotSegments: 0,
    snapshotRecords: 0,
    snapshotBytes: 0,
    snapshotDocumentBytes: 0,
    ddlEvents: 0,
    milestones: 0,
  },
  deadLetters: null,
};

/** The latest milestone of a name, if any. */
export function milestoneOf(state: StreamState, name: Milestone['name']): Milestone | undefined {
  return state.milestones.findLast((milestone) => milestone.name === name);
}
