/**
 * Structure changes of the stream on the target. Applied between commits, when every lane has reached the barrier and
 * its cursor is written, by one caller, event by event, each recorded as done before the next.
 *
 * Every event may come when its effect is there already: a crash came between the effect and its record, or the snapshot's
 * inventory was taken after it. The end state is the same, because the stream's later events repeat whatever followed.
 * Two rules make that so:
 *   - The stream is right about what exists at its moment. A collection that stands on the target where the source was
 *     about to create or rename another one (by uuid) is one that the stream makes later, with all of its documents.
 *   - A collection that the inventory found under its new name (by uuid) already has everything that a rename brings.
 */
import {
  BsonType,
  elements,
  findElement,
  type NamedElement,
  type RawElement,
} from '@waybill/shared/bson/raw';
import { readString } from '@waybill/shared/bson/values';
import { WaybillError } from '@waybill/shared/errors';
import type { DdlEvent } from '@waybill/shared/manifest/commit';
import type { Fields } from '../target/target.ts';
import { ensureCollection, plainCollection, waitingIndexes } from './collections.ts';
import { attempt, type StructureContext } from './context.ts';
import { indexName, isInherent, withFields } from './index-spec.ts';
import { buildIndexes } from './indexes.ts';
import { identityDifferences, modifiedOptions, NO_OPTIONS } from './options.ts';
import type { CollectionRecord, IndexRecord } from './registry.ts';

/** Applies one event, as the settings say. */
export async function applyDdl(context: StructureContext, event: DdlEvent): Promise<void> {
  const { settings, logger } = context;
  const fields = { operation: event.operation, namespace: event.namespace, to: event.to };
  if (settings.ddl === 'halt') throw halted(event);
  if (settings.ddl === 'ignore') {
    logger.warn('a structure change is not repeated on the target', fields);
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
      // Only what is ours: other collections of that name may live on the target.
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
  logger.info('structure change applied', fields);
}

async function applyCreate(context: StructureContext, event: DdlEvent): Promise<void> {
  const { target, registry } = context;
  const { namespace, collectionUuid } = event;
  const options = Buffer.from(description(event) ?? NO_OPTIONS);
  const isView = findElement(options, 'viewOn') !== undefined;
  const record = registry.get(namespace);
  const existing = await attempt(context, () => target.collection(namespace));
  if (record && existing) {
    const isAlike = identityDifferences(existing.options, options).length === 0;
    const isKnown = record.uuid !== null && collectionUuid !== null;
    // Found by the inventory, or our own create repeated: the record is written before the collection is created.
    if (isKnown && record.uuid === collectionUuid) return;
    // Without uuids (views, sources before 6.0) the same kind of collection is the same one: a drop would have come between.
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
  await ensureCollection(context, { namespace, type, uuid: collectionUuid, options, indexes: [] });
}

async function forget(context: StructureContext, namespace: string): Promise<void> {
  await attempt(context, () => context.registry.remove(namespace));
}

/** False where something that is not ours stands there and is left. */
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
    // A view holds no documents.
    if (existing.type !== 'view' && !settings.allowDrop) throw dropNotAllowed(namespace, event);
    await attempt(context, () => target.drop(namespace, ownership.tag));
  }
  if (record) await forget(context, namespace);
  return true;
}

async function applyRename(context: StructureContext, event: DdlEvent): Promise<void> {
  const { target, registry, ownership } = context;
  const { namespace: from, to, collectionUuid } = event;
  if (to === undefined) throw unknownOperation('rename without a new name', event);
  const source = await attempt(context, () => target.collection(from));
  const existing = await attempt(context, () => target.collection(to));
  const standing = registry.get(to);
  const isThere = existing && collectionUuid !== null && standing?.uuid === collectionUuid;
  if (isThere) {
    // The inventory came after the rename, and what the old name collected since is in the new one already; or
    // this is a repeat, and only the old record may be left.
    if (source && registry.get(from)) await attempt(context, () => target.drop(from, ownership.tag));
    if (registry.get(from)) await forget(context, from);
    return;
  }
  if (!source) {
    // A repeat, or a collection that never held anything here.
    if (registry.get(from)) await attempt(context, () => registry.move(from, to));
    else if (!existing) await ensureCollection(context, plainCollection(to, collectionUuid));
    return;
  }
  // Either the source renamed over it (dropTarget), or the stream makes this one later.
  if (existing && !(await dropOne(context, to, event))) throw inTheWay(to, event);
  await attempt(context, () => target.rename(from, to, ownership.tag));
  await attempt(context, () => registry.move(from, to));
}

async function applyCreateIndexes(context: StructureContext, event: DdlEvent): Promise<void> {
  if (context.settings.indexes === 'none') return;
  const record = await recordFor(context, event);
  const added = waitingIndexes(indexSpecs(event));
  const replaced = new Set(added.map(({ name }) => name));
  const kept = record.indexes.filter(({ name }) => !replaced.has(name));
  await saveIndexes(context, record, [...kept, ...added]);
}

async function applyDropIndexes(context: StructureContext, event: DdlEvent): Promise<void> {
  const { target, ownership, settings } = context;
  if (settings.indexes === 'none') return;
  const record = await recordFor(context, event);
  const names = indexSpecs(event)
    .filter((spec) => !isInherent(spec))
    .map(indexName);
  for (const name of names) {
    // One that was deferred does not stand there, and its name may be another's by now: only what we built.
    if (isStanding(record, name)) {
      await attempt(context, () => target.dropIndex(event.namespace, name, ownership.tag));
    }
  }
  // What was deferred because of a dropped one can be built now.
  await saveIndexes(
    context,
    record,
    record.indexes.filter(({ name }) => !names.includes(name)),
  );
}

function isStanding(record: CollectionRecord, name: string): boolean {
  return record.indexes.some((index) => index.name === name && index.state !== 'deferred');
}

async function saveIndexes(
  context: StructureContext,
  record: CollectionRecord,
  indexes: readonly IndexRecord[],
): Promise<void> {
  const { registry, settings, stats } = context;
  stats.indexesTotal += indexes.length - record.indexes.length;
  await attempt(context, () => registry.save({ ...record, indexes }));
  if (settings.indexes === 'after-snapshot') await buildIndexes(context, record.namespace);
}

/** What collMod may say of a collection, passed on as it is. */
const PASSED_ON: ReadonlySet<string> = new Set([
  'validator',
  'validationLevel',
  'validationAction',
  'changeStreamPreAndPostImages',
  'recordPreImages',
  'cappedSize',
  'cappedMax',
  'viewOn',
  'pipeline',
]);

async function applyModify(context: StructureContext, event: DdlEvent): Promise<void> {
  const { target, registry, ownership } = context;
  const { namespace } = event;
  const changes = description(event);
  if (!changes) throw unknownOperation('modify without a description', event);
  const passedOn: [string, RawElement][] = [];
  const heldBack: [string, RawElement][] = [];
  let index: RawElement | undefined;
  for (const element of elements(changes)) {
    if (PASSED_ON.has(element.name)) passedOn.push([element.name, element]);
    else if (element.name === 'expireAfterSeconds') heldBack.push([element.name, element]);
    else if (element.name === 'index') index = element;
    else throw unknownOperation(`modify of ${element.name}`, event);
  }
  const isView = findElement(changes, 'viewOn') !== undefined;
  // A view of before T0 that was dropped before the inventory: the stream drops it again.
  if (isView && !(await attempt(context, () => target.collection(namespace)))) return;
  let record = await recordFor(context, event);
  if (passedOn.length > 0) {
    await attempt(context, () => target.modify(namespace, passedOn, ownership.tag));
  }
  const options = modifiedOptions(record.options, [...passedOn, ...heldBack] as Fields);
  record = { ...record, options };
  if (index) record = { ...record, indexes: modifiedIndexes(record, index) };
  await attempt(context, () => registry.save(record));
}

/** Only what is wanted changes: what stands on the target stays in its held-back form. */
function modifiedIndexes(record: CollectionRecord, change: RawElement): readonly IndexRecord[] {
  const named = findElement(change.bytes, 'name');
  const keyPattern = findElement(change.bytes, 'keyPattern');
  const matches = ({ name, spec }: IndexRecord): boolean => {
    if (named) return name === readString(named);
    const key = findElement(spec, 'key');
    return keyPattern !== undefined && key !== undefined && Buffer.compare(key.bytes, keyPattern.bytes) === 0;
  };
  const changes = new Map<string, RawElement | null>();
  for (const element of elements(change.bytes)) {
    if (element.name === 'name' || element.name === 'keyPattern') continue;
    changes.set(element.name, isFalse(element) ? null : element);
    if (element.name === 'unique' && !isFalse(element)) changes.set('prepareUnique', null);
  }
  return record.indexes.map((index) =>
    matches(index) ? { ...index, spec: withFields(index.spec, changes) } : index,
  );
}

function isFalse(element: NamedElement): boolean {
  return element.type === BsonType.boolean && element.bytes[0] === 0;
}

/** A collection may be unknown here: it was there at T0 and gone before the inventory. The stream drops it again. */
async function recordFor(context: StructureContext, event: DdlEvent): Promise<CollectionRecord> {
  const known = context.registry.get(event.namespace);
  const existing = known && (await attempt(context, () => context.target.collection(event.namespace)));
  if (known && existing) return known;
  return ensureCollection(context, {
    ...plainCollection(event.namespace, event.collectionUuid),
    ...(known && { options: known.options, type: known.type }),
  });
}

function description(event: DdlEvent): Buffer | null {
  return event.description === null ? null : Buffer.from(event.description, 'base64');
}

function indexSpecs(event: DdlEvent): Buffer[] {
  const indexes = description(event);
  const list = indexes && findElement(indexes, 'indexes');
  if (!list) throw unknownOperation(`${event.operation} without its indexes`, event);
  return [...elements(list.bytes)].map(({ bytes }) => bytes);
}

function dropNotAllowed(namespace: string, event: DdlEvent): WaybillError {
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

function inTheWay(namespace: string, event: DdlEvent): WaybillError {
  return new WaybillError(
    'TARGET_NOT_EMPTY',
    `the source renamed ${event.namespace} to ${namespace}, where a collection stands on the target that this load did not make`,
    {
      hint: `Drop or rename ${namespace} on the target and run the same command again.`,
      context: { namespace },
    },
  );
}

function halted(event: DdlEvent): WaybillError {
  return new WaybillError(
    'TARGET_DDL_HALTED',
    `the source changed its structure: ${event.operation} of ${event.namespace} at ${event.clusterTime}`,
    {
      hint: 'Everything before it is applied. Run the same command with --ddl=apply to repeat it on the target, or --ddl=ignore to leave it out.',
      context: { namespace: event.namespace, operation: event.operation },
    },
  );
}

function unknownOperation(what: string, event: DdlEvent): WaybillError {
  return new WaybillError(
    'FORMAT_UNSUPPORTED',
    `the stream holds a structure change of ${event.namespace} that this version cannot apply: ${what}`,
    { hint: 'Upgrade Waybill.', context: { namespace: event.namespace, operation: event.operation } },
  );
}
