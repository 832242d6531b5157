import type { Logger } from '@waybill/shared/base/logger';
import { writerName } from '@waybill/shared/base/process-identity';
import type { Bucket } from '@waybill/shared/bucket/bucket';
import type { Milestone } from '@waybill/shared/manifest/commit';
import { appendNote } from '@waybill/shared/manifest/note';
import type { MongoConnection } from '@waybill/shared/mongo/driver/connection';
import type { NamespaceFilter } from '@waybill/shared/mongo/facts/namespace-filter';
import type { NameMapping } from '../mapping/name-mapping.ts';
import type { Target } from '../target/target.ts';
import type { Acceptance } from '../verify/acceptance.ts';
import type { StructureDifference } from '../verify/report.ts';
import type { VerifySettings, VerifyStats } from '../verify/settings.ts';

export interface CutoverSettings {
  readonly stream: string;
  readonly load: string;
  /** As given; null: the one that the load's log names. */
  readonly progressDatabase: string | null;
  /** Gives up a wait in which nothing moves for this long. Milliseconds. */
  readonly wait: number;
  readonly verify: Partial<VerifySettings>;
  /** Differences of structure that may stay. */
  readonly acceptance: Acceptance;
  /** A cutover of nothing is meant: neither side has anything that the load takes. */
  readonly allowEmpty: boolean;
  /** The target may stay without the records of open dead letters. */
  readonly acceptDeadLetters: boolean;
}

export type CutoverStep =
  | 'waiting for capture'
  | 'waiting for load'
  | 'checking structure'
  | 'checking indexes'
  | 'verifying'
  | 'restoring indexes'
  | 'waiting for load to end'
  | 'done';

export interface CutoverDeps {
  readonly bucket: Bucket;
  readonly source: MongoConnection;
  readonly target: Target;
  readonly logger: Logger;
  readonly stats: VerifyStats;
  readonly signal: AbortSignal;
  readonly onStep: (step: CutoverStep) => void;
  /** Asks whether differences that nobody has accepted yet may stay. Without it they may not. */
  readonly onUnaccepted?: (found: readonly StructureDifference[]) => Promise<boolean>;
}

/** What every step of a cutover needs. */
export interface CutoverContext extends CutoverDeps {
  readonly settings: CutoverSettings & { readonly progressDatabase: string };
  /** Where the logs of stream and load are in the bucket. */
  readonly streamPrefix: string;
  readonly loadPrefix: string;
}

/**
 * What this load takes: only that concerns the cutover. By the source's names; the mapping gives
 * the target's.
 */
export interface Compared {
  readonly filter: NamespaceFilter;
  readonly takes: (namespace: string) => boolean;
  readonly mapping: NameMapping;
}

/** Notes a fact in the stream's log, which the capture owns. */
export async function note(
  { bucket, signal, logger, streamPrefix }: CutoverContext,
  fact: Omit<Milestone, 'at'>,
): Promise<void> {
  const milestone: Milestone = { ...fact, at: new Date().toISOString() };
  await appendNote(bucket, streamPrefix, [milestone], { writer: writerName(), signal });
  logger.info('milestone', { milestone: fact.name, clusterTime: fact.clusterTime });
}
