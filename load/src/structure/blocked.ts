/**
 * Structure of the source that the target refuses: views, options of collections, indexes. The load
 * records it with the target's reason and goes on without it. Nobody passes over it by accident:
 * status and verify list it, and a cutover wants it accepted by name. A refusal that the target's
 * state explains (a write block, a full disk, missing rights) is an error like any other.
 */
import { hasCode, type WaybillError } from '@waybill/shared/base/errors';
import { failureOf, serverCode } from '@waybill/shared/mongo/driver/classify';
import { isStateCode } from '@waybill/shared/mongo/driver/server-codes';
import { differing, optionFields } from '@waybill/shared/mongo/facts/definition-fields';
import type { BlockedPart, CollectionRecord } from './registry.ts';

export interface Blocked {
  readonly namespace: string;
  readonly kind: 'view' | 'option' | 'index';
  /** Name of the option or the index; empty for a view. */
  readonly name: string;
  readonly reason: string;
}

export function blockedIn({ namespace, blocked, indexes }: CollectionRecord): Blocked[] {
  return [
    ...blocked.map(
      ({ option, reason }): Blocked => ({
        namespace,
        kind: option === null ? 'view' : 'option',
        name: option ?? '',
        reason,
      }),
    ),
    ...indexes
      .filter(({ state }) => state === 'blocked')
      .map(({ name, note }): Blocked => ({ namespace, kind: 'index', name, reason: note ?? 'refused' })),
  ];
}

/**
 * The blocked parts that still differ from the source, where something stands there: somebody may
 * have mended it.
 */
export function stillBlocked(record: CollectionRecord, existing: Uint8Array): readonly BlockedPart[] {
  if (record.blocked.length === 0) return record.blocked;
  const differences = differing(optionFields(existing), optionFields(record.options));
  return record.blocked.filter(({ option }) =>
    option === null ? differences.length > 0 : differences.includes(option),
  );
}

/**
 * Refused for what it is, and not for privileges, the server's state, or because the collection is
 * gone.
 */
export function isRefusal(error: unknown): error is WaybillError {
  const code = serverCode(error);
  return hasCode(error, 'MONGO_COMMAND_FAILED') && code !== undefined && !isStateCode(code);
}

/** The server's words alone. */
export function refusalText(error: WaybillError): string {
  return failureOf(error)?.message ?? error.message;
}
