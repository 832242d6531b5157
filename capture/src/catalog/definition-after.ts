/** A collection or view after a structure change that the server tells of. Pure. */
import { elements, findElement } from '@waybill/shared/bson/raw';
import { readString } from '@waybill/shared/bson/values';
import type { CollectionDefinition, DdlEvent } from '@waybill/shared/manifest/commit';
import { modifiedIndex, modifiedOptions } from '@waybill/shared/mongo/facts/coll-mod';
import { indexesOf } from './definition.ts';

/** Null if the event changes no more than the name, or the collection is gone. */
export function definitionAfter(
  before: CollectionDefinition,
  { operation, description }: DdlEvent,
): CollectionDefinition | null {
  if (description === null) return null;
  const said = Buffer.from(description, 'base64');
  if (operation === 'modify') return modified(before, said);
  if (operation !== 'createIndexes' && operation !== 'dropIndexes') return null;
  const list = findElement(said, 'indexes');
  const told = list ? [...elements(list.bytes)].map(({ bytes }) => Buffer.from(bytes)) : [];
  const names = new Set(told.map(nameOf));
  // Several shards tell of one index.
  const others = indexesOf(before).filter((index) => !names.has(nameOf(index)));
  return withIndexes(before, operation === 'createIndexes' ? [...others, ...told] : others);
}

function modified(before: CollectionDefinition, said: Buffer): CollectionDefinition {
  const fields = [...elements(said)];
  const index = fields.find(({ name }) => name === 'index');
  const changes = fields
    .filter(({ name }) => name !== 'index')
    .map((element) => [element.name, element] as const);
  const options = modifiedOptions(Buffer.from(before.options, 'base64'), changes).toString('base64');
  const indexes = indexesOf(before).map((each) => (index ? modifiedIndex(each, index) : each));
  return withIndexes({ ...before, options }, indexes);
}

function withIndexes(definition: CollectionDefinition, indexes: readonly Buffer[]): CollectionDefinition {
  return { ...definition, indexes: indexes.map((index) => index.toString('base64')) };
}

function nameOf(index: Buffer): string {
  return readString(findElement(index, 'name'));
}
