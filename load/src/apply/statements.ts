import type { RawElement } from '@waybill/shared/bson/raw';
import {
  hasTopLevelZeroTimestamp,
  pipelineStatement,
  replaceStatement,
} from '@waybill/shared/bson/statement';
import type { TargetCapabilities } from '../target/target.ts';

/**
 * The statement that makes the target's document of that `_id` exactly this one. Without `upsert`,
 * only if there is one.
 */
export function putStatement(
  capabilities: Pick<TargetCapabilities, 'keepsEmptyTimestamps'>,
  id: RawElement,
  document: Uint8Array,
  upsert: boolean,
): Buffer {
  if (!capabilities.keepsEmptyTimestamps && hasTopLevelZeroTimestamp(document)) {
    return pipelineStatement(id, document, upsert);
  }
  return replaceStatement(id, document, upsert);
}
