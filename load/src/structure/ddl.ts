import type { StructureEvent } from '../mapping/entering.ts';
import { concerns } from '../settings/load-filter.ts';
import { attempt, type StructureContext } from './context.ts';
import { applyCreate, applyDrop, applyRename, dropOne } from './ddl-collections.ts';
import { halted, unknownOperation } from './ddl-errors.ts';
import { applyCreateIndexes, applyDropIndexes } from './ddl-indexes.ts';
import { applyModify } from './ddl-modify.ts';
import { assertOwnName } from './held.ts';
import { markOneStanding } from './standing.ts';

/** Applies one event, as the settings say. @throws LOAD_NAME_COLLISION, and as the operations do */
export async function applyDdl(context: StructureContext, event: StructureEvent): Promise<void> {
  const { settings, logger, mapping } = context;
  if (!isOurs(context, event)) return;
  const { operation, namespace, to, source } = event;
  const fields = { operation, namespace, to, ...(!mapping.isIdentity && { source }) };
  if (settings.ddl === 'halt') throw halted(event);
  if (settings.ddl === 'ignore') {
    logger.warn('a structure change is not repeated on the target', fields);
    await forgetUuids(context, event);
    return;
  }
  assertOwnNames(context, event);
  switch (operation) {
    case 'create':
      await applyCreate(context, event);
      break;
    case 'drop':
      await applyDrop(context, event);
      break;
    case 'dropDatabase':
      // Only ours: other collections of that database may live on the target.
      for (const dropped of touchedBy(context, event)) await dropOne(context, dropped, event);
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
      throw unknownOperation(operation, event);
  }
  for (const name of touchedBy(context, event)) await markOneStanding(context, name);
  logger.info('structure change applied', fields);
}

/** The collections of the target that an event is about. Names that are not taken have none. */
export function touchedBy({ registry, takes }: StructureContext, event: StructureEvent): string[] {
  const { operation, namespace, to, source } = event;
  if (operation === 'dropDatabase')
    return registry.ofSourceDatabase(source.namespace).map((record) => record.namespace);
  const touched = takes(source.namespace) ? [namespace] : [];
  return to !== undefined && takes(source.to ?? '') ? [...touched, to] : touched;
}

/** A dropped database drops our collections in it, whatever the filter says. */
function isOurs(context: StructureContext, event: StructureEvent): boolean {
  const { operation, source } = event;
  if (concerns({ namespace: source.namespace, to: source.to }, context.takes)) return true;
  return operation === 'dropDatabase' && touchedBy(context, event).length > 0;
}

/** What is about to stand under a name. A drop takes away what it finds of its own. */
function assertOwnNames(context: StructureContext, event: StructureEvent): void {
  const { operation, namespace, to, source } = event;
  if (operation === 'drop' || operation === 'dropDatabase') return;
  const isMoved = to !== undefined && to !== namespace;
  // A repeated rename within one name of the target has the new name in its record already.
  if (context.takes(source.namespace) && (to === undefined || isMoved))
    assertOwnName(context, { namespace, source: source.namespace });
  if (isMoved && context.takes(source.to!)) assertOwnName(context, { namespace: to, source: source.to! });
}

/**
 * From here on the source may have another collection under the name. Its changes go to the old
 * one, which stays.
 */
async function forgetUuids(context: StructureContext, event: StructureEvent): Promise<void> {
  const { registry } = context;
  if (event.operation === 'dropDatabase') return;
  for (const name of touchedBy(context, event)) {
    const record = registry.get(name);
    if (record && record.uuid !== null)
      await attempt(context, () => registry.save({ ...record, uuid: null }));
  }
}
