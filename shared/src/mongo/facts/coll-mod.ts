/**
 * Applies a collMod to the definition of a collection or an index, as the `modify` events of
 * servers from 6.0 describe it. Pure.
 */
import { buildDocument, type Field } from '../../bson/build.ts';
import { BsonType, elements, findElement, type NamedElement, type RawElement } from '../../bson/raw.ts';
import { readString } from '../../bson/values.ts';
import { indexFields } from './definition-fields.ts';

/** The options' names and their new values. */
export type OptionChanges = readonly (readonly [name: string, value: RawElement])[];

const RENAMED: ReadonlyMap<string, string> = new Map([
  ['cappedSize', 'size'],
  ['cappedMax', 'max'],
]);

/** The name among the collection's options of what collMod changes. */
export function optionName(changed: string): string {
  return RENAMED.get(changed) ?? changed;
}

/** The options after a collMod with these fields. */
export function modifiedOptions(options: Uint8Array, changes: OptionChanges): Buffer {
  const named = changes.map(([name, value]): [string, RawElement | null] => {
    // `expireAfterSeconds: 'off'` removes it.
    const isOff = name === 'expireAfterSeconds' && value.type === BsonType.string;
    return [optionName(name), isOff ? null : value];
  });
  return withFields(options, new Map(named));
}

/**
 * The index after a collMod with that `index` field. If the collMod is about another index, the
 * very same `spec`.
 */
export function modifiedIndex<Spec extends Uint8Array>(spec: Spec, { bytes }: RawElement): Spec | Buffer {
  if (!isMeant(spec, bytes)) return spec;
  const changes = new Map<string, RawElement | null>();
  for (const element of elements(bytes)) {
    if (element.name === 'name' || element.name === 'keyPattern') continue;
    if (element.name === 'forceNonUnique') {
      if (!isFalse(element)) changes.set('unique', null);
      continue;
    }
    changes.set(element.name, isFalse(element) ? null : element);
    if (element.name === 'unique' && !isFalse(element)) changes.set('prepareUnique', null);
  }
  return withFields(spec, changes);
}

function isMeant(spec: Uint8Array, change: Uint8Array): boolean {
  const named = findElement(change, 'name');
  if (named) return readString(named) === readString(findElement(spec, 'name'));
  const keyPattern = findElement(change, 'keyPattern');
  // The types of the numbers do not matter.
  const text = (index: Uint8Array): string | undefined => indexFields(index).get('key');
  return keyPattern !== undefined && text(spec) === text(buildDocument([['key', keyPattern]]));
}

/** The document with these fields set, or removed if the value is null. */
export function withFields(document: Uint8Array, changes: ReadonlyMap<string, RawElement | null>): Buffer {
  const fields: Field[] = [];
  const seen = new Set<string>();
  for (const element of elements(document)) {
    const change = changes.get(element.name);
    seen.add(element.name);
    if (change !== null) fields.push([element.nameBytes, change ?? element]);
  }
  for (const [name, value] of changes) if (!seen.has(name) && value !== null) fields.push([name, value]);
  return buildDocument(fields);
}

function isFalse(element: NamedElement): boolean {
  return element.type === BsonType.boolean && element.bytes[0] === 0;
}
