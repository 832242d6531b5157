import type { RawElement } from '@waybill/shared/bson/raw';
import {
  type FilterField,
  hasTopLevelZeroTimestamp,
  pipelineStatement,
  replaceStatement,
} from '@waybill/shared/bson/statement';
import type { TargetCapabilities } from '../target/target.ts';

type Keeping = Pick<TargetCapabilities, 'keepsEmptyTimestamps' | 'altersEmptyTimestamps'>;

/** No insert, since the server would put its own time into the document. */
export function mustBeUpdate(
  { keepsEmptyTimestamps, altersEmptyTimestamps }: Keeping,
  document: Uint8Array,
): boolean {
  return !keepsEmptyTimestamps && !altersEmptyTimestamps && hasTopLevelZeroTimestamp(document);
}

/**
 * The statement that makes the target's document of that `_id` (and of these fields) exactly this
 * one. Without `upsert`, only if there is one.
 */
export function putStatement(
  capabilities: Keeping,
  id: RawElement,
  document: Uint8Array,
  upsert: boolean,
  fields?: readonly FilterField[],
): Buffer {
  const build = mustBeUpdate(capabilities, document) ? pipelineStatement : replaceStatement;
  return build(id, document, upsert, fields);
}
