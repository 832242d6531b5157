/**
 * What a load's writes meet, as its owner document tells it: a status on another machine reads it
 * there. It is renewed with each confirmation.
 */
import { oldestRetry, type WriteTrouble } from '@waybill/shared/base/write-trouble';
import type { ProgressDocument, ProgressValue } from '../target/progress-store.ts';

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
  return { retrying: oldest && { ...oldest, since: new Date(oldest.since) } };
}

/** Null where nothing is tried again, or nobody runs the load. */
export function retryingOf(owner: ProgressDocument | null): Retrying | null {
  if (!owner || owner.released === true) return null;
  const { since, kind, reason } = (owner.retrying ?? {}) as Readonly<Record<string, ProgressValue>>;
  if (!(since instanceof Date)) return null;
  return { since: since.toISOString(), kind: String(kind), reason: String(reason) };
}
