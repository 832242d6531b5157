/** Compares what two inventories say of collections, options and indexes. Pure. */
import type { CatalogEntry } from '@waybill/shared/mongo/catalog';
import {
  differing,
  expiryText,
  type Fields,
  indexFields,
  optionFields,
} from '@waybill/shared/mongo/definition-fields';
import { expiryOf, isHaystack, LARGEST_EXPIRY_SECONDS } from '@waybill/shared/mongo/index-meaning';
import { waitingIndexes } from '../structure/collections.ts';
import { planIndexes } from '../structure/index-plan.ts';
import { indexName } from '../structure/index-spec.ts';
import { type IndexStates, indexKey } from './load-watch.ts';
import type { StructureDifference } from './report.ts';

/** What a load holds back until the cutover; `prepareUnique` is on the way there. */
const HELD_BACK = ['unique', 'expireAfterSeconds', 'hidden', 'prepareUnique'] as const;
export type HeldBackField = (typeof HELD_BACK)[number];
/** What loads of before gave an index so that it expires nothing. */
const HELD_BACK_EXPIRY = expiryText(LARGEST_EXPIRY_SECONDS);

export interface StructureOptions {
  /** Those asked for by name. */
  readonly databases?: Iterable<string>;
  /** Of the load: {@link indexKey}. */
  readonly states?: IndexStates;
  /** What may still be held back. Default: everything that a load holds back. */
  readonly held?: ReadonlySet<HeldBackField> | undefined;
}

const NONE: ReadonlySet<string> = new Set();

type Rules = Required<Pick<StructureOptions, 'states'>> & { readonly held: ReadonlySet<string> };

/**
 * `heldBack` differences count as such only when they are what a load makes of the source's index. Collections that only the target has
 * are reported for databases that the source has too, and for those in `databases`: a target may be shared.
 */
export function compareStructure(
  source: readonly CatalogEntry[],
  target: readonly CatalogEntry[],
  { databases = [], states = new Map(), held = new Set(HELD_BACK) }: StructureOptions = {},
): StructureDifference[] {
  const rules = { states, held };
  const targets = new Map(target.map((entry) => [entry.namespace, entry]));
  const found: StructureDifference[] = [];
  for (const entry of source) {
    const { namespace } = entry;
    const copy = targets.get(namespace);
    targets.delete(namespace);
    if (!copy) found.push({ namespace, what: 'collection-missing', detail: entry.type, heldBack: false });
    else found.push(...compareEntries(entry, copy, rules));
  }
  const ours = new Set([...databases, ...source.map(({ database }) => database)]);
  for (const { namespace, database, type } of targets.values()) {
    if (ours.has(database))
      found.push({ namespace, what: 'collection-extra', detail: type, heldBack: false });
  }
  return found;
}

function compareEntries(source: CatalogEntry, target: CatalogEntry, rules: Rules): StructureDifference[] {
  const { namespace, type } = source;
  if (type !== target.type) return [{ namespace, what: 'options', detail: 'type', heldBack: false }];
  const found = [...compareOptions(source, target, rules), ...compareIndexes(source, target, rules)];
  if (type === 'timeseries') found.push({ namespace, what: 'not-compared', detail: type, heldBack: false });
  return found;
}

function compareOptions(source: CatalogEntry, target: CatalogEntry, { held }: Rules): StructureDifference[] {
  const { namespace } = source;
  const [wanted, is] = [optionFields(source.options), optionFields(target.options)];
  const fields = differing(wanted, is);
  if (fields.length === 0) return [];
  // The expiry of a clustered collection.
  const heldBack = fields.every(
    (field) => field === 'expireAfterSeconds' && held.has(field) && !is.has(field),
  );
  return [{ namespace, what: 'options', detail: fields.join(', '), heldBack }];
}

function compareIndexes(source: CatalogEntry, target: CatalogEntry, rules: Rules): StructureDifference[] {
  const { namespace } = source;
  const copies = new Map(target.indexes.map((index) => [indexName(index), index]));
  const deferred = rules.held.has('unique') ? deferredIndexes(source) : NONE;
  const found: StructureDifference[] = [];
  for (const index of source.indexes) {
    const name = indexName(index);
    const copy = copies.get(name);
    copies.delete(name);
    const state = rules.states.get(indexKey(namespace, name));
    if (state === 'left-out') {
      // One that somebody made there is theirs.
      found.push({ namespace, what: 'index-left-out', detail: name, heldBack: false });
    } else if (copy) {
      const wanted = indexFields(index, source.expires);
      const is = indexFields(copy, target.expires);
      const fields = differing(wanted, is);
      const endless = fields.filter((field) => isEndless(field, index, is));
      if (endless.length > 0) {
        found.push({ namespace, what: 'index-unsupported', ...named(name, endless), heldBack: false });
      }
      const others = fields.filter((field) => !endless.includes(field));
      const heldBack = others.every((field) => isHeldBack(field, wanted, is, rules.held));
      if (others.length > 0)
        found.push({ namespace, what: 'index-different', ...named(name, others), heldBack });
    } else if (isHaystack(index)) {
      found.push({ namespace, what: 'index-unsupported', detail: name, heldBack: false });
    } else {
      const heldBack = deferred.has(name) || (state === 'set-aside' && rules.held.has('unique'));
      found.push({ namespace, what: 'index-missing', detail: name, heldBack });
    }
  }
  for (const name of copies.keys())
    found.push({ namespace, what: 'index-extra', detail: name, heldBack: false });
  return found;
}

function named(name: string, fields: readonly string[]) {
  return { detail: `${name}: ${fields.join(', ')}` };
}

/** An expiry of more than 68 years, which the target does not take: there it is none. Any other would delete what the source keeps. */
function isEndless(field: string, index: Uint8Array, is: Fields): boolean {
  if (field !== 'expireAfterSeconds' || is.has(field)) return false;
  const expiry = expiryOf(index);
  return expiry.kind === 'beyond' && expiry.seconds > 0;
}

/** Whether the target's value is the one that a load leaves there. */
function isHeldBack(field: string, wanted: Fields, is: Fields, held: ReadonlySet<string>): boolean {
  if (!held.has(field)) return false;
  if (field === 'expireAfterSeconds') return !is.has(field) || is.get(field) === HELD_BACK_EXPIRY;
  // A conversion to unique that was cut short leaves prepareUnique on what is to be unique.
  return field === 'prepareUnique' ? wanted.has(field) || wanted.has('unique') : !is.has(field);
}

/** Those that can not stand beside another one as long as what tells them apart is held back. */
function deferredIndexes({ indexes, collated }: CatalogEntry): ReadonlySet<string> {
  const { records } = planIndexes(waitingIndexes(indexes), [], { collated });
  return new Set(records.filter(({ state }) => state === 'deferred').map(({ name }) => name));
}
