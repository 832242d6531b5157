/** Compares what two inventories say of collections, options and indexes. Pure. */
import { findElement } from '@waybill/shared/bson/raw';
import type { CatalogEntry } from '@waybill/shared/mongo/catalog';
import {
  differing,
  expiryText,
  type Fields,
  indexFields,
  optionFields,
} from '@waybill/shared/mongo/definition-fields';
import { waitingIndexes } from '../structure/collections.ts';
import { planIndexes } from '../structure/index-plan.ts';
import { indexName, NEVER_EXPIRES_SECONDS } from '../structure/index-spec.ts';
import { indexKey } from './load-watch.ts';
import type { StructureDifference } from './report.ts';

/** What a load holds back until the cutover; `prepareUnique` is on the way there. */
const HELD_BACK = new Set(['unique', 'expireAfterSeconds', 'hidden', 'prepareUnique']);
const NONE: ReadonlySet<string> = new Set();
const NEVER_EXPIRES = expiryText(NEVER_EXPIRES_SECONDS);

/**
 * `heldBack` differences count as such only when they are what a load makes of the source's index. Collections that only the target has
 * are reported for databases that the source has too, and for those in `databases`: a target may be shared. `leftOut` are indexes
 * that the load was told not to build ({@link indexKey}).
 */
export function compareStructure(
  source: readonly CatalogEntry[],
  target: readonly CatalogEntry[],
  databases: Iterable<string> = [],
  leftOut: ReadonlySet<string> = NONE,
): StructureDifference[] {
  const targets = new Map(target.map((entry) => [entry.namespace, entry]));
  const found: StructureDifference[] = [];
  for (const entry of source) {
    const { namespace } = entry;
    const copy = targets.get(namespace);
    targets.delete(namespace);
    if (!copy) found.push({ namespace, what: 'collection-missing', detail: entry.type, heldBack: false });
    else found.push(...compareEntries(entry, copy, leftOut));
  }
  const ours = new Set([...databases, ...source.map(({ database }) => database)]);
  for (const { namespace, database, type } of targets.values()) {
    if (ours.has(database))
      found.push({ namespace, what: 'collection-extra', detail: type, heldBack: false });
  }
  return found;
}

function compareEntries(
  source: CatalogEntry,
  target: CatalogEntry,
  leftOut: ReadonlySet<string>,
): StructureDifference[] {
  const { namespace, type } = source;
  if (type !== target.type) return [{ namespace, what: 'options', detail: 'type', heldBack: false }];
  const found = [...compareOptions(source, target), ...compareIndexes(source, target, leftOut)];
  if (type === 'timeseries') found.push({ namespace, what: 'not-compared', detail: type, heldBack: false });
  return found;
}

function compareOptions(source: CatalogEntry, target: CatalogEntry): StructureDifference[] {
  const { namespace } = source;
  const [wanted, is] = [optionFields(source.options), optionFields(target.options)];
  const fields = differing(wanted, is);
  if (fields.length === 0) return [];
  // The expiry of a clustered collection.
  const heldBack = fields.every((field) => field === 'expireAfterSeconds' && !is.has(field));
  return [{ namespace, what: 'options', detail: fields.join(', '), heldBack }];
}

function compareIndexes(
  source: CatalogEntry,
  target: CatalogEntry,
  leftOut: ReadonlySet<string>,
): StructureDifference[] {
  const { namespace } = source;
  const copies = new Map(target.indexes.map((index) => [indexName(index), index]));
  const deferred = deferredIndexes(source);
  const found: StructureDifference[] = [];
  for (const index of source.indexes) {
    const name = indexName(index);
    const copy = copies.get(name);
    copies.delete(name);
    if (leftOut.has(indexKey(namespace, name))) {
      // One that somebody made there is theirs.
      found.push({ namespace, what: 'index-left-out', detail: name, heldBack: false });
    } else if (copy) {
      const difference = compareIndex(indexFields(index), indexFields(copy));
      if (difference) found.push({ namespace, what: 'index-different', ...named(name, difference) });
    } else if (findElement(index, 'bucketSize')) {
      found.push({ namespace, what: 'index-unsupported', detail: name, heldBack: false });
    } else {
      found.push({ namespace, what: 'index-missing', detail: name, heldBack: deferred.has(name) });
    }
  }
  for (const name of copies.keys())
    found.push({ namespace, what: 'index-extra', detail: name, heldBack: false });
  return found;
}

interface IndexDifference {
  readonly fields: readonly string[];
  readonly heldBack: boolean;
}

function compareIndex(wanted: Fields, is: Fields): IndexDifference | null {
  const fields = differing(wanted, is);
  if (fields.length === 0) return null;
  return { fields, heldBack: fields.every((field) => isHeldBack(field, wanted, is)) };
}

function named(name: string, { fields, heldBack }: IndexDifference) {
  return { detail: `${name}: ${fields.join(', ')}`, heldBack };
}

/** Whether the target's value is the one that a load leaves there. */
function isHeldBack(field: string, wanted: Fields, is: Fields): boolean {
  if (!HELD_BACK.has(field)) return false;
  if (field === 'expireAfterSeconds') return wanted.has(field) && is.get(field) === NEVER_EXPIRES;
  // A conversion to unique that was cut short leaves prepareUnique on what is to be unique.
  return field === 'prepareUnique' ? wanted.has(field) || wanted.has('unique') : !is.has(field);
}

/** Those that can not stand beside another one as long as what tells them apart is held back. */
function deferredIndexes({ indexes, collated }: CatalogEntry): ReadonlySet<string> {
  const { records } = planIndexes(waitingIndexes(indexes), [], { collated });
  return new Set(records.filter(({ state }) => state === 'deferred').map(({ name }) => name));
}
