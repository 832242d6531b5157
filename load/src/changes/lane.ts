import { throwIfAborted } from '@waybill/shared/base/lifecycle';
import type { LoadStats } from '@waybill/shared/base/stats';
import type { WriteScope } from '../apply/sender.ts';
import type { Write, Writer } from '../apply/writer.ts';
import type { LoadSettings } from '../settings/load-settings.ts';
import { type BatchLimits, batches } from './batches.ts';
import type { Coalescer } from './coalesce.ts';
import type { Expectation } from './expectation.ts';

export interface LaneDeps {
  readonly writer: Pick<Writer, 'insertNew' | 'remove' | 'replace' | 'upsert'>;
  readonly expected: { readonly new: Expectation; readonly existing: Expectation };
  /**
   * Finds or makes the collection of a namespace, and says how to write to it; null where another
   * one stands there.
   */
  readonly scopeOf: (namespace: string, collectionUuid: Uint8Array | null) => Promise<WriteScope | null>;
  readonly settings: Pick<LoadSettings, 'changeBatchBytes' | 'changeBatchRecords'>;
  readonly stats: LoadStats;
  readonly signal: AbortSignal;
}

/**
 * Applies one lane's part of a window: deletes, and when they are acknowledged, inserts and
 * upserts, of other documents each.
 */
export async function applyLane(deps: LaneDeps, changes: Coalescer): Promise<void> {
  const { writer, scopeOf, settings, stats, signal } = deps;
  const limits = { records: settings.changeBatchRecords, bytes: settings.changeBatchBytes };
  for (const { namespace, collectionUuid, deletes, upserts } of changes.runs()) {
    const scope = await scopeOf(namespace, collectionUuid);
    if (scope === null) continue;
    for (const batch of batches(deletes, limits)) {
      throwIfAborted(signal);
      await writer.remove(scope, batch);
      stats.deletes += batch.length;
    }
    await applyUpserts(deps, scope, upserts, limits);
  }
  stats.changes += changes.records;
  stats.coalesced += changes.coalesced;
}

/**
 * Each document occurs once, so what goes as what, and in which order, makes no difference to where
 * it ends.
 */
async function applyUpserts(
  { writer, expected, signal }: LaneDeps,
  scope: WriteScope,
  writes: readonly Write[],
  limits: BatchLimits,
): Promise<void> {
  const asInserts = expected.new.holds(scope);
  const asReplacements = expected.existing.holds(scope);
  const left: Write[] = [];
  const inserts: Write[] = [];
  const replacements: Write[] = [];
  for (const write of writes) {
    if (write.isNew) (asInserts ? inserts : left).push(write);
    else (asReplacements ? replacements : left).push(write);
  }
  for (const batch of batches(inserts, limits)) {
    throwIfAborted(signal);
    expected.new.learn(scope, batch.length, await writer.insertNew(scope, batch));
  }
  for (const batch of batches(replacements, limits)) {
    throwIfAborted(signal);
    expected.existing.learn(scope, batch.length, await writer.replace(scope, batch));
  }
  for (const batch of batches(left, limits)) {
    throwIfAborted(signal);
    await writer.upsert(scope, batch);
  }
}
