import { WaybillError } from '@waybill/shared/base/errors';
import type { DdlEvent } from '@waybill/shared/manifest/commit';

export function dropNotAllowed(namespace: string, event: DdlEvent): WaybillError {
  return new WaybillError(
    'TARGET_DROP_NOT_ALLOWED',
    `the source ${lossOf(namespace, event)} (${event.operation} at ${event.clusterTime}), and the load may not drop it on the target`,
    {
      hint: 'Run the same command with --allow-drop to repeat it on the target, or with --ddl=ignore to keep the collection there.',
      context: { namespace, operation: event.operation },
    },
  );
}

function lossOf(namespace: string, { operation, namespace: subject, to }: DdlEvent): string {
  if (operation === 'drop' || operation === 'dropDatabase') return `dropped ${namespace}`;
  const isRenamedAway = operation === 'rename' && namespace === subject;
  return isRenamedAway
    ? `renamed ${namespace} to ${to}, which this load does not take`
    : `replaced ${namespace}`;
}

/** Its documents stand in the stream under the old name, and the load has let them pass. */
export function renamedInto(to: string, event: DdlEvent): WaybillError {
  const { namespace } = event;
  return new WaybillError(
    'LOAD_RENAME_INTO_FILTER',
    `the source renamed ${namespace}, which this load does not take, to ${to}, which it takes (at ${event.clusterTime}): its documents have not been loaded`,
    {
      hint: `Everything before it is applied, and this load cannot go on. Start another load (--load), into a target that has none of its collections, that takes both names, for instance with --include ${namespace} too; or leave out both.`,
      context: { namespace, to },
    },
  );
}

export function inTheWay(namespace: string, event: DdlEvent): WaybillError {
  return new WaybillError(
    'TARGET_NOT_EMPTY',
    `the source renamed ${event.namespace} to ${namespace}, where a collection stands on the target that this load did not make`,
    {
      hint: `Rename ${namespace} on the target (renameCollection), or keep both and stop here. Then run the same command again.`,
      context: { namespace },
    },
  );
}

export function cannotRename(target: string, event: DdlEvent): WaybillError {
  const { namespace, to, clusterTime } = event;
  return new WaybillError(
    'TARGET_UNSUPPORTED',
    `the source renamed ${namespace} to ${to} (at ${clusterTime}), and the target (${target}) cannot rename a collection`,
    {
      hint: 'Everything before it is applied, and this load cannot go on. Capture a stream that begins after the rename, and start a load of it (--load) into a target that has none of its collections.',
      context: { namespace, operation: event.operation },
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
