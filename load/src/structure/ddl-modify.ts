import {
  BsonType,
  elements,
  findElement,
  type NamedElement,
  type RawElement,
} from '@waybill/shared/bson/raw';
import { readString } from '@waybill/shared/bson/values';
import type { DdlEvent } from '@waybill/shared/manifest/commit';
import { attempt, type StructureContext } from './context.ts';
import { unknownOperation } from './ddl-errors.ts';
import { description, recordFor } from './ddl-record.ts';
import { withFields } from './index-spec.ts';
import { modifiedOptions } from './options.ts';
import type { CollectionRecord, IndexRecord } from './registry.ts';

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

/** collMod. Of an index only what is wanted changes: what stands on the target stays in its held-back form. */
export async function applyModify(context: StructureContext, event: DdlEvent): Promise<void> {
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
  const options = modifiedOptions(record.options, [...passedOn, ...heldBack]);
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
