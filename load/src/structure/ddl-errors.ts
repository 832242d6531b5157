import { WaybillError } from '@waybill/shared/base/errors';
import type { StructureEvent } from '../mapping/entering.ts';
import { refusalText } from './blocked.ts';

export function dropNotAllowed(namespace: string, event: StructureEvent): WaybillError {
  return new WaybillError(
    'TARGET_DROP_NOT_ALLOWED',
    `the source ${lossOf(namespace, event)} (${event.operation}${ofSource(event)} at ${event.clusterTime}), and the load may not drop it on the target`,
    {
      hint: 'Run the same command with --allow-drop to repeat it on the target, or with --ddl=ignore to keep the collection there.',
      context: { namespace, operation: event.operation },
    },
  );
}

/** Which collection of the source, where the message names the target's. */
function ofSource({ namespace, source }: StructureEvent): string {
  return namespace === source.namespace ? '' : ` of ${source.namespace}`;
}

function lossOf(namespace: string, { operation, namespace: subject, source }: StructureEvent): string {
  if (operation === 'drop' || operation === 'dropDatabase') return `dropped ${namespace}`;
  const isRenamedAway = operation === 'rename' && namespace === subject;
  return isRenamedAway
    ? `renamed ${source.namespace} to ${source.to}, which this load does not take`
    : `replaced ${namespace}`;
}

/** Its documents stand in the stream under the old name, and the load has let them pass. */
export function renamedInto({ source: { namespace, to }, clusterTime }: StructureEvent): WaybillError {
  return new WaybillError(
    'LOAD_RENAME_INTO_FILTER',
    `the source renamed ${namespace}, which this load does not take, to ${to}, which it takes (at ${clusterTime}): its documents have not been loaded`,
    {
      hint: `Everything before it is applied, and this load cannot go on. Start another load (--load), into a target that has none of its collections, that takes both names, for instance with --include ${namespace} too; or leave out both.`,
      context: { namespace, to },
    },
  );
}

export function inTheWay(namespace: string, event: StructureEvent): WaybillError {
  return new WaybillError(
    'TARGET_NOT_EMPTY',
    `the source renamed ${event.source.namespace} to ${event.source.to}, and on the target a collection stands under ${namespace} that this load did not make`,
    {
      hint: `Rename ${namespace} on the target (renameCollection), or keep both and stop here. Then run the same command again.`,
      context: { namespace },
    },
  );
}

export function cannotRename(target: string, event: StructureEvent): WaybillError {
  const { source, clusterTime } = event;
  return new WaybillError(
    'TARGET_UNSUPPORTED',
    `the source renamed ${source.namespace} to ${source.to} (at ${clusterTime}), and the target (${target}) cannot rename a collection`,
    {
      hint: 'Everything before it is applied, and this load cannot go on. Capture a stream that begins after the rename, and start a load of it (--load) into a target that has none of its collections.',
      context: { namespace: event.namespace, operation: event.operation },
    },
  );
}

/** The rename stays in one database on the source, or the source could do it. */
export function acrossDatabases(
  from: string,
  to: string,
  { source }: StructureEvent,
  cause: WaybillError,
): WaybillError {
  return new WaybillError(
    'TARGET_DDL_CONFLICT',
    `the source renamed ${source.namespace} to ${source.to}, and the target cannot rename ${from} to ${to}, which is in another database: ${refusalText(cause)}`,
    {
      hint: 'Rename it on the target by a way of its own (mongodump and mongorestore), and run the same command again. Or start another load (--load) with a --map that keeps both names in one database, into a target that has none of its collections.',
      context: { namespace: from, to },
      cause,
    },
  );
}

export function halted(event: StructureEvent): WaybillError {
  return new WaybillError(
    'TARGET_DDL_HALTED',
    `the source changed its structure: ${event.operation} of ${event.source.namespace} at ${event.clusterTime}`,
    {
      hint: 'Everything before it is applied. Run the same command with --ddl=apply to repeat it on the target, or --ddl=ignore to leave it out.',
      context: { namespace: event.namespace, operation: event.operation },
    },
  );
}

export function unknownOperation(what: string, event: StructureEvent): WaybillError {
  return new WaybillError(
    'FORMAT_UNSUPPORTED',
    `the stream holds a structure change of ${event.namespace} that this version cannot apply: ${what}`,
    { hint: 'Upgrade Waybill.', context: { namespace: event.namespace, operation: event.operation } },
  );
}
