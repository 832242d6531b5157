import type { RetryOptions } from '@waybill/shared/base/retry';
import type { Bucket } from '@waybill/shared/bucket/bucket';
import type { Milestone, StreamIdentity } from '@waybill/shared/manifest/commit';
import type { RefusalPolicy } from '../apply/refusal.ts';
import type { DocumentWriter } from '../apply/writer.ts';
import type { DeadLetters } from '../letters/dead-letters.ts';
import type { Placements } from '../placement/placements.ts';
import type { BarrierProgress, LaneCursor, Progress } from '../progress/progress.ts';
import type { Gate } from '../rate/gate.ts';
import type { LoadSettings, Moment } from '../settings/load-settings.ts';
import type { StructureContext } from '../structure/context.ts';
import type { RestoredIndexes } from '../structure/restored-indexes.ts';
import type { Mark } from './marks.ts';

export interface ChangesDeps {
  readonly bucket: Bucket;
  readonly streamPrefix: string;
  readonly identity: Pick<StreamIdentity, 'sourceTopology'>;
  readonly structure: StructureContext;
  readonly restored: RestoredIndexes;
  readonly writer: DocumentWriter;
  readonly placements: Placements;
  readonly onRefused: RefusalPolicy;
  readonly letters: DeadLetters;
  /** Does what operators ask about dead letters. */
  readonly service: LetterRequests;
  readonly progress: Progress;
  readonly gate: Pick<Gate, 'endWith' | 'whenOpen'>;
  readonly settings: LoadSettings;
  readonly onReadAgain: RetryOptions['onRetry'];
  readonly signal: AbortSignal;
  /** Stops there, also inside a commit. Null: at a mark. */
  readonly moment: Moment | null;
  /** Called in order, once everything up to there is applied and recorded. True ends the phase. */
  readonly reached: (mark: Mark, cursor: LaneCursor) => Promise<boolean>;
}

export interface LetterRequests {
  readonly isAsked: boolean;
  /** The listener is called when there is a new request. */
  listen(listener: () => void): void;
  /** To be called while nothing else writes documents. */
  serve(): Promise<void>;
}

export interface ChangesStart {
  /** The slowest lane's. The first commit read is the one after it. */
  readonly from: LaneCursor;
  readonly cursors: readonly LaneCursor[];
  readonly barrier: BarrierProgress;
  /**
   * The stream's head as this run begins, and what the stream says by then. The cursors may be past
   * the commits that said it.
   */
  readonly head: number;
  readonly caughtUp: boolean;
  readonly drained: Milestone | undefined;
}
