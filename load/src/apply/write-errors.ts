/** Another statement that may bring a refused document to the target. Pure. */
import { isTooLargeCode, SERVER_CODES } from '@waybill/shared/mongo/driver/server-codes';
import type { StatementFailure, StatementKind } from '../target/target.ts';

/**
 * replace: an insert met a document of that `_id` (a repeated segment), so make it an upsert.
 * pipeline: a replacement cannot hold a name of this document, but an update by pipeline can.
 * reinsert: a document with an equal but different `_id` stands there, so delete it and write the
 * new one. done: nothing is left to do. refuse: there is none.
 */
export type Tactic = 'replace' | 'pipeline' | 'reinsert' | 'done' | 'refuse';

/** For an error that the target's rules call recoverable. */
export function tacticFor(kind: StatementKind, failure: StatementFailure): Tactic {
  const { code, duplicateId } = failure;
  if (kind === 'delete') return code === SERVER_CODES.NamespaceNotFound ? 'done' : 'refuse';
  if (duplicateId) {
    // Two upserts of one `_id` can race when a repeat overlaps an earlier attempt. The second then
    // finds the first.
    return kind === 'insert' ? 'replace' : 'reinsert';
  }
  if (kind === 'update') {
    if (code === SERVER_CODES.ImmutableField) return 'reinsert';
    if (code === SERVER_CODES.DollarPrefixedFieldName) return 'pipeline';
    // An update holds the `_id` twice, so a document at the limit may fit an insert alone.
    if (isTooLargeCode(code)) return 'reinsert';
  }
  return 'refuse';
}
