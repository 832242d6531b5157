/** Repeats creates, drops and renames of collections: see ddl.ts for the rules. */

import { splitNamespace } from '@waybill/shared/base/record';
import { findElement } from '@waybill/shared/bson/raw';
import { assertCollectionNames } from '../checks/check-collection.ts';
import type { StructureEvent } from '../mapping/entering.ts';
import type { NamePair } from '../mapping/name-mapping.ts';
import { assertNotProgress } from '../progress/apart.ts';
import type { TargetCollection } from '../target/target.ts';
import { tellBlocked } from './apply-options.ts';
import { isRefusal } from './blocked.ts';
import { ensureCollection, plainCollection } from './collections.ts';
import { attempt, type StructureContext } from './context.ts';
import {
  acrossDatabases,
  cannotRename,
  dropNotAllowed,
  inTheWay,
  renamedInto,
  unknownOperation,
} from './ddl-errors.ts';
import { description } from './ddl-record.ts';
import { identityDifferences, NO_OPTIONS } from './options.ts';
import { forgetStanding } from './standing.ts';

export async function applyCreate(context: StructureContext, event: StructureEvent): Promise<void> {
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
    source: event.source.namespace,
    impossible: event.impossible,
  });
  tellBlocked(context, made);
}

async function forget(context: StructureContext, namespace: string): Promise<void> {
  await context.letters.dropped(namespace);
  await attempt(context, () => context.registry.remove(namespace));
}

/** Another collection of the source may stand under the name by now: it stays. */
export async function applyDrop(context: StructureContext, event: StructureEvent): Promise<void> {
  const { namespace, source } = event;
  const record = context.registry.get(namespace);
  if (record && record.source !== source.namespace) return;
  await dropOne(context, namespace, event);
}

/** False where something stands there that is not ours; it stays. */
export async function dropOne(
  context: StructureContext,
  namespace: string,
  event: StructureEvent,
): Promise<boolean> {
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
    await tellSharded(context, namespace);
    await forgetStanding(context, namespace);
    await context.letters.dropped(namespace);
    await attempt(context, () => target.drop(existing, ownership.tag));
  }
  if (record) await forget(context, namespace);
  return true;
}

async function tellSharded(
  { target, logger, ...context }: StructureContext,
  namespace: string,
): Promise<void> {
  const keys = await attempt(context, () => target.shardKeys([namespace], context.signal));
  if (keys.size === 0) return;
  logger.warn('a sharded collection is dropped; one that comes under its name again is not sharded', {
    namespace,
  });
}

export async function applyRename(context: StructureContext, event: StructureEvent): Promise<void> {
  const { target, registry, ownership, takes } = context;
  const { namespace: from, to, collectionUuid, source: names } = event;
  if (to === undefined || names.to === undefined) throw unknownOperation('rename without a new name', event);
  if (!takes(names.to)) {
    await dropOne(context, from, event);
    return;
  }
  const renamed = { namespace: to, source: names.to };
  assertNotProgress(renamed, target.progress);
  assertCollectionNames(target.profile, [renamed]);
  // A name that the load does not take may be the name of another collection on the target.
  const isTaken = takes(names.namespace);
  const record = isTaken ? registry.get(from) : undefined;
  const source = isTaken ? await attempt(context, () => target.collection(from)) : null;
  if (isTaken && from === to) return renameWithin(context, event, renamed);
  const existing = await attempt(context, () => target.collection(to));
  const standing = registry.get(to);
  const isThere = existing && collectionUuid !== null && standing?.uuid === collectionUuid;
  if (isThere) {
    // Either the inventory came after the rename, and the new name already has what the old one
    // collected since. Or this is a repeat, and only the old record may be left.
    if (source && record) {
      await forgetStanding(context, from);
      await context.letters.dropped(from);
      await attempt(context, () => target.drop(source, ownership.tag));
    }
    if (record) await forget(context, from);
    return;
  }
  if (!isTaken) throw renamedInto(event);
  if (!source) {
    // A repeat, or a collection that never held anything here.
    if (record) await move(context, from, renamed);
    else if (!existing) await ensureCollection(context, plainCollection(renamed, collectionUuid));
    return;
  }
  if (!target.capabilities.renamesCollections) throw cannotRename(target.profile.title, event);
  // Either the source renamed over it (dropTarget), or the stream makes this one later.
  if (existing && !(await dropOne(context, to, event))) throw inTheWay(to, event);
  await forgetStanding(context, from);
  await moveOnTarget(context, source, to, event);
  await move(context, from, renamed);
}

/** The registry comes last: until then a repeated rename ends here again. */
async function move(
  { letters, registry, ...context }: StructureContext,
  from: string,
  { namespace, source }: NamePair,
): Promise<void> {
  await letters.renamed(from, namespace);
  await attempt(context, () => registry.move(from, namespace, source));
}

/** Both names of the source are one on the target: nothing moves there. */
async function renameWithin(
  context: StructureContext,
  { collectionUuid }: StructureEvent,
  renamed: NamePair,
): Promise<void> {
  const { registry } = context;
  const { namespace, source } = renamed;
  if (registry.get(namespace)) await attempt(context, () => registry.move(namespace, namespace, source));
  else await ensureCollection(context, plainCollection(renamed, collectionUuid));
}

/** Not every server can rename a collection into another database. */
async function moveOnTarget(
  context: StructureContext,
  from: TargetCollection,
  to: string,
  event: StructureEvent,
): Promise<void> {
  const { target, ownership } = context;
  try {
    await attempt(context, () => target.rename(from, to, ownership.tag));
  } catch (error) {
    const isAcross = splitNamespace(from.namespace).database !== splitNamespace(to).database;
    if (!isAcross || !isRefusal(error)) throw error;
    throw acrossDatabases(from.namespace, to, event, error);
  }
}
