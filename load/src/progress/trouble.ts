/**
 * What a load's writes meet, as its owner document tells it: a status on another machine reads it
 * there. It is renewed with each confirmation.
 */
import { type IndexConflicts, oldestRetry, type WriteTrouble } from '@waybill/shared/base/write-trouble';
import type { ProgressDocument, ProgressValue } from '../target/progress-store.ts';

/** More indexes than these are not told: the document stays small. */
const MOST_CONFLICTS = 20;

/** The batch that has been tried again for longest. */
export interface Retrying {
  /** ISO 8601. */
  readonly since: string;
  /** As in docs/target-errors.md. */
  readonly kind: string;
  readonly reason: string;
}

export function troubleFields(trouble: WriteTrouble): Readonly<Record<string, ProgressValue>> {
  const oldest = oldestRetry(trouble);
  const most = [...trouble.conflicts.values()].toSorted((a, b) => b.met - a.met).slice(0, MOST_CONFLICTS);
  return {
    retrying: oldest && { ...oldest, since: new Date(oldest.since) },
    // As text: numbers of another kind than the ones written come back from some targets.
    conflicts: JSON.stringify(most),
  };
}

/** Of this run of the load, the most frequent first. None where nobody runs it. */
export function conflictsOf(owner: ProgressDocument | null): readonly IndexConflicts[] {
  if (!owner || owner.released === true || typeof owner.conflicts !== 'string') return [];
  return JSON.parse(owner.conflicts) as readonly IndexConflicts[];
}

/** Null where nothing is tried again, or nobody runs the load. */
export function retryingOf(owner: ProgressDocument | null): Retrying | null {
  if (!owner || owner.released === true) return null;
  const { since, kind, reason } = (owner.retrying ?? {}) as Readonly<Record<string, ProgressValue>>;
  if (!(since instanceof Date)) return null;
  return { since: since.toISOString(), kind: String(kind), reason: String(reason) };
}
