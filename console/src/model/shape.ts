/** What `waybill status` tells. This is also its JSON. */
import type { Retrying } from '@waybill/load/progress/trouble';
import type { ControlState } from '@waybill/load/rate/control';
import type { ToldPace } from '@waybill/load/rate/told-pace';
import type { Blocked } from '@waybill/load/structure/blocked';
import type { IndexConflicts } from '@waybill/shared/base/write-trouble';
import type { Milestone } from '@waybill/shared/manifest/commit';

export type CapturePhase = 'starting' | 'snapshot' | 'changes' | 'drained' | 'history-lost' | 'closed';
export type LoadPhase =
  | 'starting'
  | 'snapshot'
  | 'indexes'
  | 'changes'
  | 'drained'
  | 'verified'
  | 'cutover'
  | 'aborted';

export interface Status {
  readonly stream: string;
  readonly bucket: string;
  readonly source: string;
  readonly format: string;
  readonly lanes: number;
  /** Sides that were asked and gave no answer. Facts that only they know are null below. */
  readonly unreachable: readonly Unreachable[];
  readonly capture: CaptureStatus;
  readonly load: LoadStatus | null;
  readonly collections: readonly CollectionStatus[];
  readonly milestones: readonly MilestoneStatus[];
}

export interface Unreachable {
  readonly side: 'source' | 'target';
  /** One of the error codes. */
  readonly code: string;
  readonly message: string;
  readonly hint: string | null;
}

export interface CaptureStatus {
  readonly phase: CapturePhase;
  /** What the stream takes; more may be excluded than when it was created. */
  readonly include: readonly string[];
  readonly exclude: readonly string[];
  readonly epoch: number;
  readonly writer: string;
  /** Number of the newest commit. */
  readonly commit: number;
  /** By the clocks of writer and reader: only a hint that the capture runs. */
  readonly secondsSinceCommit: number;
  readonly watermark: string | null;
  /**
   * The source's operation time minus the watermark; null if the source was not asked (--source).
   */
  readonly lagSeconds: number | null;
  /** The watermark's age by this machine's clock. Go by it if the source was not asked. */
  readonly watermarkAgeSeconds: number | null;
  readonly sequence: number;
  readonly changes: number;
  readonly ddl: number;
  readonly segments: number;
  readonly bucketBytes: number;
  readonly snapshot: Share;
  /** At the average rate so far; null if there is no rate or the snapshot is done. */
  readonly etaSeconds: number | null;
}

export interface Share {
  readonly documents: number;
  readonly documentsTotal: number;
  readonly bytes: number;
  readonly bytesTotal: number;
  readonly done: boolean;
}

export interface LoadStatus {
  readonly load: string;
  readonly phase: LoadPhase;
  readonly epoch: number;
  readonly writer: string;
  /** What the load takes of the stream; everything if both are empty. */
  readonly include: readonly string[];
  readonly exclude: readonly string[];
  /** The rules for names on the target; none: the source's own. */
  readonly map: readonly string[];
  /**
   * Every lane has applied the stream up to here. Null if the target was not asked (--target) or
   * nothing is applied.
   */
  readonly watermark: string | null;
  /** The stream's watermark minus the load's. */
  readonly lagSeconds: number | null;
  readonly sequence: number | null;
  /** Change records of the stream that are not applied yet. */
  readonly changesBehind: number | null;
  readonly snapshotSegments: number | null;
  /** Counts only what the load takes. */
  readonly snapshotSegmentsTotal: number;
  readonly snapshotDocuments: number | null;
  /** What `waybill control` told the load. */
  readonly control: ControlStatus;
  /** How it held its writes back when it last said so; null if it does not run or was not asked. */
  readonly pace: ToldPace | null;
  /** Views, options and indexes that the target refuses; null if the target was not asked. */
  readonly blocked: readonly Blocked[] | null;
  /** The batch that the load has tried again for longest; null where there is none. */
  readonly retrying: Retrying | null;
  /** Unique indexes of the target that kept documents out since the load's process began. */
  readonly conflicts: readonly IndexConflicts[];
  /** Open ones. */
  readonly deadLetters: DeadLettersStatus;
}

export interface ControlStatus extends ControlState {
  /** False: no load has acted on it yet. */
  readonly obeyed: boolean;
}

export interface DeadLettersStatus {
  readonly open: number;
  readonly rules: Readonly<Record<string, number>>;
}

export interface CollectionStatus {
  /** On the source. */
  readonly namespace: string;
  /** On the target, where that is another name and the load takes the collection. */
  readonly target?: string;
  readonly state: 'waiting' | 'copying' | 'done' | 'skipped' | 'view';
  readonly documents: number;
  readonly documentsTotal: number;
  readonly bytes: number;
  readonly bytesTotal: number;
  readonly chunks: number;
  readonly chunksDone: number;
  /**
   * Snapshot documents on the target. Null if the target was not asked or the load does not take
   * the collection.
   */
  readonly applied: number | null;
}

export interface MilestoneStatus extends Milestone {
  readonly of: 'capture' | 'load';
}
