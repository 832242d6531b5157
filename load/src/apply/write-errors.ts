/** What to do about a single statement that the server refused, by its code. Pure. */
import {
  isTooLargeCode,
  isTransientServerCode,
  SERVER_CODES,
} from '@waybill/shared/mongo/driver/server-codes';
import type { StatementFailure, StatementKind } from '../target/target.ts';

/**
 * retry: the same statement may succeed. replace: an insert met a document of that `_id` (a
 * repeated segment), so make it an upsert. pipeline: a replacement cannot hold a name of this
 * document, but an update by pipeline can. reinsert: a document with an equal but different `_id`
 * stands there, so delete it and write the new one. refuse: for good.
 */
export type Tactic = 'retry' | 'replace' | 'pipeline' | 'reinsert' | 'refuse';

export function tacticFor(kind: StatementKind, failure: StatementFailure): Tactic {
  if (isTransientServerCode(failure.code)) return 'retry';
  if (failure.duplicateId) {
    // Two upserts of one `_id` can race when a repeat overlaps an earlier attempt. The second then
    // finds the first.
    return kind === 'insert' ? 'replace' : 'reinsert';
  }
  if (kind === 'update') {
    if (failure.code === SERVER_CODES.ImmutableField) return 'reinsert';
    if (failure.code === SERVER_CODES.DollarPrefixedFieldName) return 'pipeline';
    // An update holds the `_id` twice, so a document at the limit may fit an insert alone.
    if (isTooLargeCode(failure.code)) return 'reinsert';
  }
  return 'refuse';
}
