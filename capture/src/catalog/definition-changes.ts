/**
 * The difference between the collections that a stream tells of and those that the source lists, as
 * structure changes in the form of servers from 6.0. Pure.
 */

import type { ClusterTime } from '@waybill/shared/base/position';
import { boolean, buildDocument, doc, type Field, fromObject, string } from '@waybill/shared/bson/build';
import { findElement } from '@waybill/shared/bson/raw';
import { readString } from '@waybill/shared/bson/values';
import type { CollectionDefinition, DdlEvent } from '@waybill/shared/manifest/commit';
import {
  differing,
  type Fields,
  indexFields,
  optionFields,
} from '@waybill/shared/mongo/facts/definition-fields';
import { indexesOf, isIdIndex } from './definition.ts';
import type { ToldDdl } from './synthetic-ddl.ts';
import { creation, indexesDescription, leaving, synthetic } from './synthetic-ddl.ts';

export interface DefinitionChanges {
  readonly ddl: readonly ToldDdl[];
  /** Differences that no event can tell. */
  readonly left: readonly LeftDifference[];
}

export interface LeftDifference {
  readonly namespace: string;
  readonly what: string;
}

const VALIDATION = ['validator', 'validationLevel', 'validationAction'];
/** What can be changed in an index; everything else takes a new index. */
const MODIFIABLE: ReadonlySet<string> = new Set(['expireAfterSeconds', 'hidden']);

/**
 * Views that are gone or changed are dropped first and created last: they depend on collections and
 * on each other, and a view that changes in place might for a moment depend on itself. A collection
 * that is not listed is left alone: every server tells of its end.
 */
export function definitionChanges(
  known: readonly CollectionDefinition[],
  listed: readonly CollectionDefinition[],
  time: ClusterTime,
): DefinitionChanges {
  const present = new Map(listed.map((definition) => [definition.namespace, definition]));
  const staying = new Map<string, CollectionDefinition>();
  const dropped: ToldDdl[] = [];
  const left: LeftDifference[] = [];
  for (const before of known) {
    const { namespace, type } = before;
    const now = present.get(namespace);
    const isSameView = now?.type === 'view' && optionDifferences(before, now).length === 0;
    if (type === 'collection' && now?.type !== 'collection') {
      left.push({ namespace, what: now ? 'it is a view now' : 'it is gone, and no event says so' });
    } else if (type === 'view' && !isSameView) {
      dropped.push({ event: synthetic('drop', namespace, time), definition: null });
      continue;
    }
    staying.set(namespace, before);
  }
  const changed: ToldDdl[] = [];
  const views: ToldDdl[] = [];
  for (const now of listed) {
    const before = staying.get(now.namespace);
    if (!before) (now.type === 'view' ? views : changed).push(...creation(now, time));
    else if (before.type === 'collection' && now.type === 'collection') {
      const { events, what } = collectionChanges(before, now, time);
      changed.push(...leaving(events, { ...now, snapshot: before.snapshot }));
      if (what.length > 0) left.push({ namespace: now.namespace, what: what.join(', ') });
    }
  }
  return { ddl: [...dropped, ...changed, ...views], left };
}

/** Indexes are dropped first, since new ones may have their keys or names. */
function collectionChanges(
  before: CollectionDefinition,
  now: CollectionDefinition,
  time: ClusterTime,
): { readonly events: DdlEvent[]; readonly what: readonly string[] } {
  const { namespace, uuid } = now;
  const options = modifiedOptions(before, now);
  const indexes = indexChanges(before, now);
  const event = (operation: DdlEvent['operation'], description: Buffer): DdlEvent =>
    synthetic(operation, namespace, time, uuid, description);
  const events: DdlEvent[] = [];
  if (options.fields.length > 0) events.push(event('modify', buildDocument(options.fields)));
  if (indexes.gone.length > 0) events.push(event('dropIndexes', indexesDescription(indexes.gone)));
  for (const fields of indexes.modified) {
    events.push(event('modify', buildDocument([['index', doc(buildDocument(fields))]])));
  }
  if (indexes.come.length > 0) events.push(event('createIndexes', indexesDescription(indexes.come)));
  return { events, what: options.what };
}

function optionDifferences(before: CollectionDefinition, now: CollectionDefinition): string[] {
  return differing(optionFields(bytesOf(before.options)), optionFields(bytesOf(now.options)));
}

/** The options for a collMod, and the names of options that it cannot change. */
function modifiedOptions(
  before: CollectionDefinition,
  now: CollectionDefinition,
): { readonly fields: Field[]; readonly what: readonly string[] } {
  const differences = optionDifferences(before, now);
  const options = bytesOf(now.options);
  const fields: Field[] = [];
  if (differences.some((name) => VALIDATION.includes(name))) {
    const validator = findElement(options, 'validator') ?? doc(fromObject({}));
    const level = findElement(options, 'validationLevel') ?? string('strict');
    const action = findElement(options, 'validationAction') ?? string('error');
    fields.push(['validator', validator], ['validationLevel', level], ['validationAction', action]);
  }
  // A clustered collection has this option.
  if (differences.includes('expireAfterSeconds')) {
    fields.push(['expireAfterSeconds', findElement(options, 'expireAfterSeconds') ?? string('off')]);
  }
  const told = [...VALIDATION, 'expireAfterSeconds'];
  return { fields, what: differences.filter((name) => !told.includes(name)) };
}

interface IndexChanges {
  readonly gone: readonly Buffer[];
  /** The `index` field of one collMod each. */
  readonly modified: readonly Field[][];
  readonly come: readonly Buffer[];
}

function indexChanges(before: CollectionDefinition, now: CollectionDefinition): IndexChanges {
  const present = secondaryIndexes(now);
  const gone: Buffer[] = [];
  const come = new Map(present);
  const modified: Field[][] = [];
  for (const [name, index] of secondaryIndexes(before)) {
    const other = present.get(name);
    const differences = other ? differing(indexFields(index), indexFields(other)) : [];
    if (!other || !canModify(indexFields(index), indexFields(other), differences)) {
      gone.push(index);
      continue;
    }
    come.delete(name);
    if (differences.length > 0) modified.push(modification(name, other, differences));
  }
  return { gone, modified, come: [...come.values()] };
}

/** Before 5.1 collMod cannot give an index an expiry, and no server can take it away. */
function canModify(before: Fields, now: Fields, differences: readonly string[]): boolean {
  const expires = before.has('expireAfterSeconds') && now.has('expireAfterSeconds');
  return differences.every((name) => MODIFIABLE.has(name) && (name !== 'expireAfterSeconds' || expires));
}

function modification(name: string, now: Uint8Array, differences: readonly string[]): Field[] {
  const fields: Field[] = [['name', string(name)]];
  for (const field of differences) fields.push([field, findElement(now, field) ?? boolean(false)]);
  return fields;
}

function secondaryIndexes(definition: CollectionDefinition): Map<string, Buffer> {
  const secondary = indexesOf(definition).filter((index) => !isIdIndex(index));
  return new Map(secondary.map((index) => [readString(findElement(index, 'name')), index]));
}

function bytesOf(base64: string): Buffer {
  return Buffer.from(base64, 'base64');
}
