import { elements, findElement, type RawElement } from '@waybill/shared/bson/raw';
import { modifiedIndex, modifiedOptions, optionName } from '@waybill/shared/mongo/facts/coll-mod';
import type { StructureEvent } from '../mapping/entering.ts';
import type { Fields } from '../target/target.ts';
import { createAsFarAsTaken, leaveOut, modifyAsFarAsTaken, tellBlocked } from './apply-options.ts';
import { attempt, type StructureContext } from './context.ts';
import { unknownOperation } from './ddl-errors.ts';
import { description, recordFor } from './ddl-record.ts';
import { createOptions } from './options.ts';
import type { CollectionRecord } from './registry.ts';

/** Fields of collMod that go to the target as they are. */
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

/**
 * Applies a collMod. An index on the target stays in its held-back form; only what is wanted of it
 * changes.
 */
export async function applyModify(context: StructureContext, event: StructureEvent): Promise<void> {
  const { target, registry } = context;
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
  if (isView && !(await attempt(context, () => target.collection(namespace)))) {
    await remakeView(context, event, passedOn);
    return;
  }
  const before = await recordFor(context, event);
  const options = modifiedOptions(before.options, [...passedOn, ...heldBack]);
  let record: CollectionRecord = { ...before, options };
  if (event.impossible !== null) {
    record = await leaveOut(context, record, passedOn.map(optionOf), event.impossible);
    tellBlocked(context, record);
  } else if (passedOn.length > 0) record = await modifyAsFarAsTaken(context, record, passedOn);
  if (index) {
    const change = index;
    const indexes = record.indexes.map((each) => ({
      ...each,
      spec: Buffer.from(modifiedIndex(each.spec, change)),
    }));
    record = { ...record, indexes };
  }
  await attempt(context, () => registry.save(record));
}

/**
 * Makes a view again with its changes: a blocked one may be taken as it is now. An unknown one was
 * dropped before the inventory, and the stream drops it again.
 */
async function remakeView(
  context: StructureContext,
  { namespace, impossible }: StructureEvent,
  changes: Fields,
): Promise<void> {
  const { registry } = context;
  const record = registry.get(namespace);
  if (!record) return;
  const changed = { ...record, options: modifiedOptions(record.options, changes) };
  await attempt(context, () => registry.save(changed));
  const made =
    impossible === null
      ? await createAsFarAsTaken(context, changed, createOptions(namespace, changed.options))
      : await leaveOut(context, changed, [null], impossible);
  tellBlocked(context, made);
}

function optionOf([name]: Fields[number]): string {
  return optionName(name);
}
