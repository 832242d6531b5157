/** What every step of a load's run works with. */
import type { WaybillError } from '@waybill/shared/base/errors';
import type { RetryOptions } from '@waybill/shared/base/retry';
import type { StreamIdentity } from '@waybill/shared/manifest/commit';
import type { RefusalPolicy } from '../apply/refusal.ts';
import type { DocumentWriter } from '../apply/writer.ts';
import type { DeadLetters } from '../letters/dead-letters.ts';
import type { NameMapping } from '../mapping/name-mapping.ts';
import type { Placements } from '../placement/placements.ts';
import type { LoadLog } from '../progress/load-log.ts';
import type { Ownership } from '../progress/ownership.ts';
import type { Progress } from '../progress/progress.ts';
import type { Gate } from '../rate/gate.ts';
import type { Obeying } from '../rate/obeying.ts';
import type { LoadFilter } from '../settings/load-filter.ts';
import type { LoadSettings } from '../settings/load-settings.ts';
import type { StructureContext } from '../structure/context.ts';
import type { RestoredIndexes } from '../structure/restored-indexes.ts';
import type { LoadTarget } from '../target/target.ts';
import type { LoadDeps, LoadResult } from './load-deps.ts';
import type { LoadMilestones } from './milestones.ts';

export interface LoadRunDeps extends LoadDeps {
  /** Called before a read from the bucket is repeated. */
  readonly onReadAgain: RetryOptions['onRetry'];
}

/** What a process holds once it has taken the load over. */
export interface Taken {
  readonly identity: StreamIdentity;
  readonly filter: LoadFilter;
  readonly mapping: NameMapping;
  readonly target: LoadTarget;
  readonly log: LoadLog;
  readonly ownership: Ownership;
}

export interface RunContext extends Taken {
  readonly settings: LoadSettings;
  readonly deps: LoadRunDeps;
  readonly streamPrefix: string;
  readonly structure: StructureContext;
  readonly progress: Progress;
  readonly milestones: LoadMilestones;
  readonly letters: DeadLetters;
}

/** What documents are written with. */
export interface WriteTools {
  readonly gate: Gate;
  readonly obeying: Obeying;
  readonly restored: RestoredIndexes;
  readonly writer: DocumentWriter;
  readonly placements: Placements;
  readonly onRefused: RefusalPolicy;
  readonly letters: DeadLetters;
}

export interface EndedRun {
  readonly result: LoadResult;
  /** Another process, perhaps a cutover, took the load over. Nothing is under way any more. */
  readonly fenced?: WaybillError;
}
