import type { DdlEvent } from '@waybill/shared/manifest/commit';
import { concerns } from '../settings/load-filter.ts';
import { attempt, type StructureContext } from './context.ts';
import { applyCreate, applyRename, dropOne } from './ddl-collections.ts';
import { halted, unknownOperation } from './ddl-errors.ts';
import { applyCreateIndexes, applyDropIndexes } from './ddl-indexes.ts';
import { applyModify } from './ddl-modify.ts';
import { markOneStanding } from './standing.ts';

/** Applies one event, as the settings say. */
export async function applyDdl(context: StructureContext, event: DdlEvent): Promise<void> {
  const { settings, logger } = context;
  if (!isOurs(context, event)) return;
  const fields = { operation: event.operation, namespace: event.namespace, to: event.to };
  if (settings.ddl === 'halt') throw halted(event);
  if (settings.ddl === 'ignore') {
    logger.warn('a structure change is not repeated on the target', fields);
    await forgetUuids(context, event);
    return;
  }
  switch (event.operation) {
    case 'create':
      await applyCreate(context, event);
      break;
    case 'drop':
      await dropOne(context, event.namespace, event);
      break;
    case 'dropDatabase':
      // Only ours: other collections of that database may live on the target.
      for (const { namespace } of context.registry.inDatabase(event.namespace)) {
        await dropOne(context, namespace, event);
      }
      break;
    case 'rename':
      await applyRename(context, event);
      break;
    case 'createIndexes':
      await applyCreateIndexes(context, event);
      break;
    case 'dropIndexes':
      await applyDropIndexes(context, event);
      break;
    case 'modify':
      await applyModify(context, event);
      break;
    default:
      throw unknownOperation(event.operation, event);
  }
  for (const namespace of [event.namespace, event.to ?? event.namespace]) {
    await markOneStanding(context, namespace);
  }
  logger.info('structure change applied', fields);
}

/** A dropped database drops our collections in it, whatever the filter says. */
function isOurs({ takes, registry }: StructureContext, event: DdlEvent): boolean {
  if (concerns(event, takes)) return true;
  return event.operation === 'dropDatabase' && registry.inDatabase(event.namespace).length > 0;
}

/**
 * From here on the source may have another collection under the name. Its changes go to the old
 * one, which stays.
 */
async function forgetUuids({ registry, ...context }: StructureContext, event: DdlEvent): Promise<void> {
  for (const name of [event.namespace, event.to ?? event.namespace]) {
    const record = registry.get(name);
    if (record && record.uuid !== null)
      await attempt(context, () => registry.save({ ...record, uuid: null }));
  }
}
