/** Repeats creates, drops and renames of collections: see ddl.ts for the rules. */
import { findElement } from '@waybill/shared/bson/raw';
import type { DdlEvent } from '@waybill/shared/manifest/commit';
import { assertCollectionNames } from '../checks/check-collection.ts';
import { assertNotProgress } from '../progress/apart.ts';
import { tellBlocked } from './apply-options.ts';
import { ensureCollection, plainCollection } from './collections.ts';
import { attempt, type StructureContext } from './context.ts';
import { cannotRename, dropNotAllowed, inTheWay, renamedInto, unknownOperation } from './ddl-errors.ts';
import { description } from './ddl-record.ts';
import { identityDifferences, NO_OPTIONS } from './options.ts';
import { forgetStanding } from './standing.ts';

export async function applyCreate(context: StructureContext, event: DdlEvent): Promise<void> {
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
export async function dropOne(
  context: StructureContext,
  namespace: string,
  event: DdlEvent,
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
    await forgetStanding(context, namespace);
    await attempt(context, () => target.drop(existing, ownership.tag));
  }
  if (record) await forget(context, namespace);
  return true;
}

export async function applyRename(context: StructureContext, event: DdlEvent): Promise<void> {
  const { target, registry, ownership, takes } = context;
  const { namespace: from, to, collectionUuid } = event;
  if (to === undefined) throw unknownOperation('rename without a new name', event);
  if (!takes(to)) {
    await dropOne(context, from, event);
    return;
  }
  assertNotProgress(to, target.progress);
  assertCollectionNames(target.profile, [to]);
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
  if (!target.capabilities.renamesCollections) throw cannotRename(target.profile.title, event);
  // Either the source renamed over it (dropTarget), or the stream makes this one later.
  if (existing && !(await dropOne(context, to, event))) throw inTheWay(to, event);
  await forgetStanding(context, from);
  await attempt(context, () => target.rename(source, to, ownership.tag));
  await attempt(context, () => registry.move(from, to));
}
