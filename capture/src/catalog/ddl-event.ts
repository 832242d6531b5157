import { formatClusterTime } from '@waybill/shared/base/position';
import { asBuffer } from '@waybill/shared/bson/raw';
import type { DdlEvent, DdlOperation } from '@waybill/shared/manifest/commit';
import type { ChangeEvent } from '../event/change-event.ts';

const OPERATIONS: ReadonlySet<string> = new Set<DdlOperation>([
  'create',
  'drop',
  'rename',
  'dropDatabase',
  'createIndexes',
  'dropIndexes',
  'modify',
]);

/**
 * An event of the change stream as a commit tells it, whatever it means for the stream; null if it
 * changes no structure.
 */
export function asDdlEvent(event: ChangeEvent): DdlEvent | null {
  const { operationType, clusterTime, collectionUuid, operationDescription } = event;
  if (!OPERATIONS.has(operationType)) return null;
  return {
    operation: operationType as DdlOperation,
    namespace: event.namespace ?? '',
    ...(operationType === 'rename' && event.to !== null && { to: event.to }),
    collectionUuid: collectionUuid?.toString('hex') ?? null,
    clusterTime: formatClusterTime(clusterTime),
    wallTime: event.wallTime,
    description: operationDescription ? asBuffer(operationDescription).toString('base64') : null,
  };
}
