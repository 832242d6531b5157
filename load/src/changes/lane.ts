import { throwIfAborted } from '@waybill/shared/lifecycle';
import type { LoadStats } from '@waybill/shared/stats';
import type { Writer, WriteScope } from '../apply/writer.ts';
import type { LoadSettings } from '../settings.ts';
import { batches } from './batches.ts';
import type { Coalescer } from './coalesce.ts';

export interface LaneDeps {
  readonly writer: Pick<Writer, 'remove' | 'upsert'>;
  /** Finds or makes the collection of a namespace, and says how to write to it. */
  readonly scopeOf: (namespace: string) => Promise<WriteScope>;
  readonly settings: Pick<LoadSettings, 'changeBatchBytes' | 'changeBatchRecords'>;
  readonly stats: LoadStats;
  readonly signal: AbortSignal;
}

/** Applies one lane's part of a window: deletes, and when they are acknowledged, upserts. */
export async function applyLane(deps: LaneDeps, changes: Coalescer): Promise<void> {
  const { writer, scopeOf, settings, stats, signal } = deps;
  const limits = { records: settings.changeBatchRecords, bytes: settings.changeBatchBytes };
  for (const { namespace, deletes, upserts } of changes.runs()) {
    const scope = await scopeOf(namespace);
    for (const batch of batches(deletes, limits)) {
      throwIfAborted(signal);
      await writer.remove(scope, batch);
      stats.deletes += batch.length;
    }
    for (const batch of batches(upserts, limits)) {
      throwIfAborted(signal);
      await writer.upsert(scope, batch);
    }
  }
  stats.changes += changes.records;
  stats.coalesced += changes.coalesced;
}
