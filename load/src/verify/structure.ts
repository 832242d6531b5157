/** Compares two inventories: collections, options, indexes. Pure. */
import { splitNamespace } from '@waybill/shared/base/record';
import { buildDocument, doc } from '@waybill/shared/bson/build';
import type { CatalogEntry } from '@waybill/shared/mongo/facts/catalog';
import {
  differing,
  expiryText,
  type Fields,
  indexFields,
  optionFields,
} from '@waybill/shared/mongo/facts/definition-fields';
import { expiryOf, isHaystack, LARGEST_EXPIRY_SECONDS } from '@waybill/shared/mongo/facts/index-meaning';
import { waitingIndexes } from '../structure/collections.ts';
import { planIndexes } from '../structure/index-plan.ts';
import { indexName, isInherent } from '../structure/index-spec.ts';
import type { ShardKey } from '../target/target.ts';
import { indexKey, type KnownStructure, NOTHING_KNOWN, optionKey } from './load-watch.ts';
import type { StructureDifference } from './report.ts';

/** What a load holds back until the cutover. `prepareUnique` is a step towards unique. */
const HELD_BACK = ['unique', 'expireAfterSeconds', 'hidden', 'prepareUnique'] as const;
export type HeldBackField = (typeof HELD_BACK)[number];
/** What loads of earlier versions gave an index so that it expires nothing. */
const HELD_BACK_EXPIRY = expiryText(LARGEST_EXPIRY_SECONDS);

export interface StructureOptions extends Partial<KnownStructure> {
  /** Databases asked for by name. */
  readonly databases?: Iterable<string>;
  /** By which keys the target shards collections: it keeps an index of each. */
  readonly shardKeys?: ReadonlyMap<string, Pick<ShardKey, 'pattern'>>;
  /** What may still be held back. Default: everything that a load holds back. */
  readonly held?: ReadonlySet<HeldBackField> | undefined;
  /**
   * The target has collections without documents. Otherwise one that has none on the source is not
   * missed: its documents are compared.
   */
  readonly keepsEmpty?: boolean;
}

const NONE: ReadonlySet<string> = new Set();

type Rules = KnownStructure &
  Required<Pick<StructureOptions, 'shardKeys'>> & { readonly held: ReadonlySet<string> };

/**
 * A difference is `heldBack` only if the target has what a load makes of the source's index.
 * Collections that only the target has are reported for databases that the source has too, and for
 * those in `databases`: a target may be shared.
 */
export function compareStructure(
  source: readonly CatalogEntry[],
  target: readonly CatalogEntry[],
  {
    databases = [],
    held = new Set(HELD_BACK),
    shardKeys = new Map(),
    keepsEmpty = true,
    ...known
  }: StructureOptions = {},
): StructureDifference[] {
  const rules = { ...NOTHING_KNOWN, ...known, shardKeys, held };
  const targets = new Map(target.map((entry) => [entry.namespace, entry]));
  const found: StructureDifference[] = [];
  for (const entry of source) {
    const { namespace } = entry;
    const copy = targets.get(namespace);
    targets.delete(namespace);
    if (!copy) {
      if (!keepsEmpty && entry.type === 'collection' && entry.documents === 0) continue;
      const because = reason(rules, optionKey(namespace, ''));
      found.push({ namespace, what: 'collection-missing', detail: entry.type, heldBack: false, ...because });
    } else found.push(...compareEntries(entry, copy, rules));
  }
  const ours = new Set([...databases, ...source.map(({ namespace }) => splitNamespace(namespace).database)]);
  for (const entry of targets.values()) if (ours.has(entry.database)) found.push(extra(entry, rules));
  return found;
}

function extra({ namespace, type, uuid }: CatalogEntry, { others }: Rules): StructureDifference {
  const holder = others.get(namespace);
  const isHeld = holder !== undefined && holder.targetUuid === uuid?.toString('hex');
  return isHeld
    ? { namespace, what: 'collection-of-load', detail: holder.load, heldBack: false }
    : { namespace, what: 'collection-extra', detail: type, heldBack: false };
}

function compareEntries(source: CatalogEntry, target: CatalogEntry, rules: Rules): StructureDifference[] {
  const { namespace, type } = source;
  if (type !== target.type) return [{ namespace, what: 'options', detail: 'type', heldBack: false }];
  const found = [...compareOptions(source, target, rules), ...compareIndexes(source, target, rules)];
  if (type === 'timeseries') found.push({ namespace, what: 'not-compared', detail: type, heldBack: false });
  return found;
}

function compareOptions(source: CatalogEntry, target: CatalogEntry, rules: Rules): StructureDifference[] {
  const { namespace } = source;
  const [wanted, is] = [optionFields(source.options), optionFields(target.options)];
  const fields = differing(wanted, is);
  const refused = Map.groupBy(fields, (field) => refusedWith(field, namespace, rules));
  const others = refused.get(null) ?? [];
  refused.delete(null);
  // The expiry of a clustered collection.
  const heldBack = others.every(
    (field) => field === 'expireAfterSeconds' && rules.held.has(field) && !is.has(field),
  );
  const what = 'options';
  return [
    ...(others.length > 0 ? [{ namespace, what, detail: others.join(', '), heldBack } as const] : []),
    ...[...refused].map(([name, some]) => {
      const because = reason(rules, optionKey(namespace, name!));
      return {
        namespace,
        what,
        detail: some.join(', '),
        names: [name!],
        heldBack: false,
        ...because,
      } as const;
    }),
  ];
}

/** The refused option that takes this one with it; null where there is none. */
function refusedWith(field: string, namespace: string, { blocked }: Rules): string | null {
  const names = field.startsWith('validation') ? ['validator', field] : [field];
  return names.find((name) => blocked.has(optionKey(namespace, name))) ?? null;
}

function reason({ blocked }: Rules, key: string): { readonly blocked?: string } {
  const text = blocked.get(key);
  return text === undefined ? {} : { blocked: text };
}

function compareIndexes(source: CatalogEntry, target: CatalogEntry, rules: Rules): StructureDifference[] {
  const { namespace } = source;
  const copies = new Map(ownIndexes(target, source).map((index) => [indexName(index), index]));
  const missing: Buffer[] = [];
  const found: StructureDifference[] = [];
  for (const index of ownIndexes(source, target)) {
    const name = indexName(index);
    const copy = copies.get(name);
    copies.delete(name);
    const state = rules.states.get(indexKey(namespace, name));
    if (state === 'left-out') {
      // If it stands there, somebody else made it.
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
      missing.push(index);
    }
  }
  found.push(...missingIndexes(source, missing, copies, rules));
  for (const [name, index] of copies) {
    const what = isOfShardKey(index, rules.shardKeys.get(namespace)) ? 'index-shard-key' : 'index-extra';
    found.push({ namespace, what, detail: name, names: [name], heldBack: false });
  }
  return found;
}

/** Removes from `others` the indexes that are the same under another name. */
function missingIndexes(
  source: CatalogEntry,
  missing: readonly Buffer[],
  others: Map<string, Buffer>,
  rules: Rules,
): StructureDifference[] {
  const { namespace, expires } = source;
  const deferred = rules.held.has('unique') ? deferredIndexes(source) : NONE;
  return missing.map((index) => {
    const name = indexName(index);
    const wanted = indexFields(index, expires);
    const same = [...others].find(([, other]) => isSameIndex(wanted, indexFields(other, expires)));
    if (same === undefined) {
      const isSetAside =
        rules.states.get(indexKey(namespace, name)) === 'set-aside' && rules.held.has('unique');
      const heldBack = deferred.has(name) || isSetAside;
      const because = reason(rules, indexKey(namespace, name));
      return { namespace, what: 'index-missing', detail: name, names: [name], heldBack, ...because };
    }
    const [other] = same;
    others.delete(other);
    const detail = `${name}: stands there as ${other}`;
    return { namespace, what: 'index-renamed', detail, names: [other, name], heldBack: false };
  });
}

/**
 * Where only one side is clustered, its key is an option of the collection and no index.
 */
function ownIndexes({ clustered, indexes }: CatalogEntry, other: CatalogEntry): readonly Buffer[] {
  return clustered === other.clustered ? indexes : indexes.filter((index) => !isInherent(index));
}

/** An index that does no more than serve the shard key. */
function isOfShardKey(index: Buffer, shardKey: Pick<ShardKey, 'pattern'> | undefined): boolean {
  if (!shardKey) return false;
  const needed = indexFields(buildDocument([['key', doc(shardKey.pattern)]]));
  return differing(needed, indexFields(index)).every((field) => field === 'name');
}

function isSameIndex(wanted: Fields, is: Fields): boolean {
  return differing(wanted, is).every((field) => field === 'name');
}

function named(name: string, fields: readonly string[]) {
  return { detail: `${name}: ${fields.join(', ')}`, names: [name] };
}

/**
 * An expiry of more than 68 years. The target does not take it, and has none: any other would
 * delete what the source keeps.
 */
function isEndless(field: string, index: Uint8Array, is: Fields): boolean {
  if (field !== 'expireAfterSeconds' || is.has(field)) return false;
  const expiry = expiryOf(index);
  return expiry.kind === 'beyond' && expiry.seconds > 0;
}

/** Whether the target has the value that a load leaves there. */
function isHeldBack(field: string, wanted: Fields, is: Fields, held: ReadonlySet<string>): boolean {
  if (!held.has(field)) return false;
  if (field === 'expireAfterSeconds') return !is.has(field) || is.get(field) === HELD_BACK_EXPIRY;
  // A conversion to unique that was cut short leaves prepareUnique on the index.
  return field === 'prepareUnique' ? wanted.has(field) || wanted.has('unique') : !is.has(field);
}

/**
 * Indexes that cannot stand beside another one while the option that tells them apart is held back.
 */
function deferredIndexes({ indexes, collated }: CatalogEntry): ReadonlySet<string> {
  const { records } = planIndexes(waitingIndexes(indexes), [], { collated });
  return new Set(records.filter(({ state }) => state === 'deferred').map(({ name }) => name));
}
