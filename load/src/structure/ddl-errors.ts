import { WaybillError } from '@waybill/shared/errors';
import type { DdlEvent } from '@waybill/shared/manifest/commit';

export function dropNotAllowed(namespace: string, event: DdlEvent): WaybillError {
  const what = event.operation === 'drop' || event.operation === 'dropDatabase' ? 'dropped' : 'replaced';
  return new WaybillError(
    'TARGET_DROP_NOT_ALLOWED',
    `the source ${what} ${namespace} (${event.operation} at ${event.clusterTime}), and the load may not drop it on the target`,
    {
      hint: 'Run the same command with --allow-drop to repeat it on the target, or with --ddl=ignore to keep the collection there.',
      context: { namespace, operation: event.operation },
    },
  );
}

export function inTheWay(namespace: string, event: DdlEvent): WaybillError {
  return new WaybillError(
    'TARGET_NOT_EMPTY',
    `the source renamed ${event.namespace} to ${namespace}, where a collection stands on the target that this load did not make`,
    {
      hint: `Drop or rename ${namespace} on the target and run the same command again.`,
      context: { namespace },
    },
  );
}

export function halted(event: DdlEvent): WaybillError {
  return new WaybillError(
    'TARGET_DDL_HALTED',
    `the source changed its structure: ${event.operation} of ${event.namespace} at ${event.clusterTime}`,
    {
      hint: 'Everything before it is applied. Run the same command with --ddl=apply to repeat it on the target, or --ddl=ignore to leave it out.',
      context: { namespace: event.namespace, operation: event.operation },
    },
  );
}

export function unknownOperation(what: string, event: DdlEvent): WaybillError {
  return new WaybillError(
    'FORMAT_UNSUPPORTED',
    `the stream holds a structure change of ${event.namespace} that this version cannot apply: ${what}`,
    { hint: 'Upgrade Waybill.', context: { namespace: event.namespace, operation: event.operation } },
  );
}
