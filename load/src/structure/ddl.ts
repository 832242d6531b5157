/**
 * Applies the stream's structure changes to the target: between commits, when every lane has
 * reached the barrier and its cursor is written. One caller applies event after event, and records
 * each as done before the next.
 *
 * The effect of an event may be there already: a crash came between the effect and its record, or
 * the snapshot's inventory came after the event. The end state is the same, because the stream's
 * later events repeat whatever followed. Two rules ensure that:
 *   - The stream is right about what exists at its moment. If a collection stands on the target
 *     where the source creates or renames another one (by uuid), the stream makes the standing one
 *     later, with all of its documents.
 *   - A collection that the inventory found under its new name (by uuid) already has everything
 *     that the rename brings. Changes of an earlier collection of that name have not come to it:
 *     see changes/scopes.ts.
 *
 * The load applies nothing of what it does not take. A rename out of its filter is a drop. A rename
 * into it brings documents that the load has let pass, so the load stops.
 */
import { elements, findElement } from '@waybill/shared/bson/raw';
import type { DdlEvent } from '@waybill/shared/manifest/commit';
import { assertNotProgress } from '../progress/apart.ts';
import { concerns } from '../settings/load-filter.ts';
import { tellBlocked } from './apply-options.ts';
import { ensureCollection, plainCollection, settledIndexes, waitingIndexes } from './collections.ts';
import { attempt, type StructureContext } from './context.ts';
import { dropNotAllowed, halted, inTheWay, renamedInto, unknownOperation } from './ddl-errors.ts';
import { applyModify } from './ddl-modify.ts';
import { description, recordFor } from './ddl-record.ts';
import { indexName, isInherent, standsAmong } from './index-spec.ts';
import { buildIndexes, countBuilt, countWanted } from './indexes.ts';
import { identityDifferences, NO_OPTIONS } from './options.ts';
import type { CollectionRecord, IndexRecord } from './registry.ts';
import { forgetStanding, markOneStanding } from './standing.ts';

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

async function applyCreate(context: StructureContext, event: DdlEvent): Promise<void> {
  const { target, registry } = context;
  const { namespace, collectionUuid } = event;
  const options = Buffer.from(description(event) ?? NO_OPTIONS);
  const isView = findElement(options, 'viewOn') !== undefined;
  const record = registry.get(namespace);
  const existing = await attempt(context, () => target.collection(namespace));
  if (record && existing) {
    const isAlike = identityDifferences(existing.options, options).every((name) =>
      record.blocked.some(({ option }) => option === name),
    );
    const isKnown = record.uuid !== null && collectionUuid !== null;
    // The inventory found it, or our own create is repeated: the record is written before the
    // collection is created.
    if (isKnown && record.uuid === collectionUuid) return;
    // Without uuids (views, sources before 6.0) a collection of the same kind is the same one: a
    // drop would have come between.
    const isSame = isAlike && (!isKnown || (await attempt(context, () => target.isEmpty(namespace))));
    if (isSame) {
      const uuid = collectionUuid ?? record.uuid;
      const indexes = isKnown ? [] : record.indexes;
      await attempt(context, () => registry.save({ ...record, uuid, options, indexes }));
      return;
    }
    await dropOne(context, namespace, event);
  } else if (record) {
    await forget(context, namespace);
  }
  const type = isView ? 'view' : 'collection';
  const made = await ensureCollection(context, {
    namespace,
    type,
    uuid: collectionUuid,
    options,
    indexes: [],
  });
  tellBlocked(context, made);
}

async function forget(context: StructureContext, namespace: string): Promise<void> {
  await attempt(context, () => context.registry.remove(namespace));
}

/** False where something stands there that is not ours; it stays. */
async function dropOne(context: StructureContext, namespace: string, event: DdlEvent): Promise<boolean> {
  const { target, registry, settings, ownership, logger } = context;
  const record = registry.get(namespace);
  const existing = await attempt(context, () => target.collection(namespace));
  if (existing && !record) {
    logger.warn('a collection that this load did not make is left, though the source dropped its own', {
      namespace,
    });
    return false;
  }
  if (existing) {
    // A view holds no documents. With a synthetic drop the source dropped nothing, and all
    // documents come anew.
    const isFree = existing.type === 'view' || event.synthetic;
    if (!isFree && !settings.allowDrop) throw dropNotAllowed(namespace, event);
    await forgetStanding(context, namespace);
    await attempt(context, () => target.drop(existing, ownership.tag));
  }
  if (record) await forget(context, namespace);
  return true;
}

async function applyRename(context: StructureContext, event: DdlEvent): Promise<void> {
  const { target, registry, ownership, takes } = context;
  const { namespace: from, to, collectionUuid } = event;
  if (to === undefined) throw unknownOperation('rename without a new name', event);
  if (!takes(to)) {
    await dropOne(context, from, event);
    return;
  }
  assertNotProgress(to, target.progress);
  const source = await attempt(context, () => target.collection(from));
  const existing = await attempt(context, () => target.collection(to));
  const standing = registry.get(to);
  const isThere = existing && collectionUuid !== null && standing?.uuid === collectionUuid;
  if (isThere) {
    // Either the inventory came after the rename, and the new name already has what the old one
    // collected since. Or this is a repeat, and only the old record may be left.
    if (source && registry.get(from)) {
      await forgetStanding(context, from);
      await attempt(context, () => target.drop(source, ownership.tag));
    }
    if (registry.get(from)) await forget(context, from);
    return;
  }
  if (!takes(from)) throw renamedInto(to, event);
  if (!source) {
    // A repeat, or a collection that never held anything here.
    if (registry.get(from)) await attempt(context, () => registry.move(from, to));
    else if (!existing) await ensureCollection(context, plainCollection(to, collectionUuid));
    return;
  }
  // Either the source renamed over it (dropTarget), or the stream makes this one later.
  if (existing && !(await dropOne(context, to, event))) throw inTheWay(to, event);
  await forgetStanding(context, from);
  await attempt(context, () => target.rename(source, to, ownership.tag));
  await attempt(context, () => registry.move(from, to));
}

async function applyCreateIndexes(context: StructureContext, event: DdlEvent): Promise<void> {
  const record = await recordFor(context, event);
  const added = settledIndexes(waitingIndexes(indexSpecs(event)), context.settings.indexes);
  const replaced = new Set(added.map(({ name }) => name));
  const kept = record.indexes.filter(({ name }) => !replaced.has(name));
  await saveIndexes(context, record, [...kept, ...added]);
}

async function applyDropIndexes(context: StructureContext, event: DdlEvent): Promise<void> {
  const { target, ownership } = context;
  const record = await recordFor(context, event);
  const names = indexSpecs(event)
    .filter((spec) => !isInherent(spec))
    .map(indexName);
  const standing = await attempt(context, () => target.indexes(event.namespace));
  for (const name of names) {
    // Only what we built: a deferred or left-out index does not stand there, and another one may
    // have its name by now.
    if (isBuiltByUs(record, name, standing)) {
      await attempt(context, () => target.dropIndex(event.namespace, name, ownership.tag));
    }
  }
  // An index that was deferred because of a dropped one can be built now.
  await saveIndexes(
    context,
    record,
    record.indexes.filter(({ name }) => !names.includes(name)),
  );
}

function isBuiltByUs(record: CollectionRecord, name: string, standing: readonly Buffer[]): boolean {
  const index = record.indexes.find((one) => one.name === name);
  if (index === undefined || index.state === 'deferred' || index.state === 'left-out') return false;
  return standsAmong(standing, index);
}

async function saveIndexes(
  context: StructureContext,
  record: CollectionRecord,
  indexes: readonly IndexRecord[],
): Promise<void> {
  const { registry, settings, stats } = context;
  stats.indexesTotal += countWanted(indexes) - countWanted(record.indexes);
  // Several shards tell of the same index. An index that is told again waits again.
  stats.indexesBuilt += countBuilt(indexes) - countBuilt(record.indexes);
  await attempt(context, () => registry.save({ ...record, indexes }));
  if (settings.indexes === 'after-snapshot') await buildIndexes(context, record.namespace);
}

function indexSpecs(event: DdlEvent): Buffer[] {
  const indexes = description(event);
  const list = indexes && findElement(indexes, 'indexes');
  if (!list) throw unknownOperation(`${event.operation} without its indexes`, event);
  return [...elements(list.bytes)].map(({ bytes }) => bytes);
}
