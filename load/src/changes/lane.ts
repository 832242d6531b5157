import { throwIfAborted } from '@waybill/shared/base/lifecycle';
import type { LoadStats } from '@waybill/shared/base/stats';
import type { Batch, Write, WriteScope } from '../apply/batch.ts';
import type { Refusal, RefusalPolicy } from '../apply/refusal.ts';
import type { DocumentWriter, Guessed } from '../apply/writer.ts';
import type { Conflicts } from '../conflicts/conflicts.ts';
import type { DeadLetters } from '../letters/dead-letters.ts';
import type { LoadSettings } from '../settings/load-settings.ts';
import { batches } from './batches.ts';
import type { Expectation } from './expectation.ts';
import type { LanePart } from './read-window.ts';

export interface LaneDeps {
  readonly writer: Pick<DocumentWriter, 'insertNew' | 'remove' | 'replace' | 'upsert'>;
  readonly conflicts: Pick<Conflicts, 'isEmpty' | 'supersede' | 'take'>;
  /** Of the part in hand. */
  readonly window: number;
  /** Decides about writes that the target refuses. */
  readonly onRefused: RefusalPolicy;
  readonly letters: Pick<DeadLetters, 'mayLack' | 'watching'>;
  readonly expected: { readonly new: Expectation; readonly existing: Expectation };
  /**
   * Finds or makes the collection of a namespace, and says how to write to it; null where another
   * one stands there.
   */
  readonly scopeOf: (namespace: string, collectionUuid: Uint8Array | null) => Promise<WriteScope | null>;
  readonly settings: Pick<LoadSettings, 'batchSize' | 'batchRecords'>;
  readonly stats: LoadStats;
  readonly signal: AbortSignal;
}

/**
 * Applies one lane's part of a window: deletes, and when they are acknowledged, inserts and
 * upserts. Each of them is of another document.
 */
export async function applyLane(
  deps: LaneDeps,
  { changes, origin }: Pick<LanePart, 'changes' | 'origin'>,
): Promise<void> {
  const { writer, scopeOf, stats } = deps;
  for (const { namespace, collectionUuid, deletes, upserts } of changes.runs()) {
    const scope = await scopeOf(namespace, collectionUuid);
    if (scope === null) continue;
    await inBatches(deps, { scope, origin, writes: deletes }, async (batch) => {
      const refusals = await writer.remove(batch);
      stats.deletes += batch.writes.length - refusals.length;
      return refusals;
    });
    await applyUpserts(deps, { scope, origin, writes: upserts });
  }
  stats.changes += changes.records;
  stats.coalesced += changes.coalesced;
}

/** Each document occurs once, so neither the kind of write nor the order changes the end state. */
async function applyUpserts(deps: LaneDeps, { scope, origin, writes }: Batch): Promise<void> {
  const { writer, expected, letters } = deps;
  const asInserts = expected.new.holds(scope);
  const asReplacements = expected.existing.holds(scope);
  const left: Write[] = [];
  const inserts: Write[] = [];
  const replacements: Write[] = [];
  for (const write of writes) {
    if (write.isNew) (asInserts ? inserts : left).push(write);
    else if (asReplacements && !letters.mayLack(scope.namespace, write.id)) replacements.push(write);
    else left.push(write);
  }
  const guessing =
    (expectation: Expectation, write: (batch: Batch) => Promise<Guessed>) => async (batch: Batch) => {
      const { wrong, refusals } = await write(batch);
      expectation.learn(scope, batch.writes.length, wrong);
      return refusals;
    };
  const insert = guessing(expected.new, (batch) => writer.insertNew(batch));
  const replace = guessing(expected.existing, (batch) => writer.replace(batch));
  await inBatches(deps, { scope, origin, writes: inserts }, insert);
  await inBatches(deps, { scope, origin, writes: replacements }, replace);
  await inBatches(deps, { scope, origin, writes: left }, (batch) => writer.upsert(batch));
}

async function inBatches(
  { settings, signal, onRefused, letters, conflicts, window }: LaneDeps,
  { writes, ...rest }: Batch,
  write: (batch: Batch) => Promise<readonly Refusal[]>,
): Promise<void> {
  const limits = { records: settings.batchRecords, bytes: settings.batchSize };
  for (const some of batches(writes, limits)) {
    throwIfAborted(signal);
    const batch = { ...rest, writes: some };
    if (!conflicts.isEmpty) await conflicts.supersede(batch);
    const all = await letters.watching(batch, () => write(batch));
    const refusals = all.length > 0 ? conflicts.take(batch.scope, all, window) : all;
    if (refusals.length > 0) await onRefused(refusals);
  }
}
