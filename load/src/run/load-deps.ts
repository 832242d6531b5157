/** What a load is given, and what it gives back. */
import type { Logger } from '@waybill/shared/base/logger';
import type { Metrics } from '@waybill/shared/base/metrics';
import type { ClusterTime } from '@waybill/shared/base/position';
import type { LoadStats } from '@waybill/shared/base/stats';
import type { Bucket } from '@waybill/shared/bucket/bucket';
import type { StreamIdentity } from '@waybill/shared/manifest/commit';
import type { RefusalPolicy } from '../apply/refusal.ts';
import type { Blocked } from '../structure/blocked.ts';
import type { IndexReport } from '../structure/indexes.ts';
import type { Decision } from '../target/rules/decisions.ts';
import type { Target } from '../target/target.ts';

export interface LoadDeps {
  readonly bucket: Bucket;
  readonly target: Target;
  readonly logger: Logger;
  readonly metrics: Metrics;
  readonly stats: LoadStats;
  /** Stops the load: what is in flight ends, progress is written, ownership is given up. */
  readonly signal: AbortSignal;
  /** Decides about documents that the target refuses. Default: the load stops. */
  readonly onRefused?: RefusalPolicy;
  /** Told how the load goes about its target, once it owns the load. */
  readonly onTarget?: (plan: TargetPlan) => void;
}

export interface TargetPlan {
  /** Of the target's kind, for people. */
  readonly title: string;
  readonly decisions: readonly Decision[];
}

/** What a load's start needs of them, and the stream's identity. */
export interface StartDeps extends Pick<LoadDeps, 'bucket' | 'logger' | 'signal' | 'target'> {
  readonly identity: StreamIdentity;
}

export interface LoadResult {
  /** Why it ended: `until`'s own, a request to stop, its cutover, or the end of the stream. */
  readonly outcome:
    | 'snapshot-applied'
    | 'caught-up'
    | 'drained'
    | 'moment-reached'
    | 'stopped'
    | 'cut-over'
    | 'stream-closed';
  readonly epoch: number;
  /** Everything up to here is applied. */
  readonly sequence: number;
  readonly watermark: ClusterTime | null;
  readonly indexes: readonly IndexReport[];
  /** Views and options that the target refuses. */
  readonly blocked: readonly Blocked[];
}
