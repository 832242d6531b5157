/** Compares what two inventories say of collections, options and indexes. Pure. */
import { elements, type RawElement } from '@waybill/shared/bson/raw';
import type { CatalogEntry } from '@waybill/shared/mongo/catalog';
import type { StructureDifference } from './report.ts';

/** An expiry that never comes; what a load gives TTL indexes until the cutover. */
export const DISARMED_SECONDS = 2_147_483_647;

/** Facts about how an index was made or numbered, not about what it is. */
const INCIDENTAL = new Set(['v', 'ns', 'background', 'textIndexVersion', '2dsphereIndexVersion']);
/** What a load holds back until the cutover; `prepareUnique` is on the way there. */
const HELD_BACK = new Set(['unique', 'expireAfterSeconds', 'hidden', 'prepareUnique']);

/**
 * `heldBack` differences count as such only when they are what a load makes of the source's index. Collections that only the target has
 * are reported for databases that the source has too: a target may be shared.
 */
export function compareStructure(
  source: readonly CatalogEntry[],
  target: readonly CatalogEntry[],
): StructureDifference[] {
  const targets = new Map(target.map((entry) => [entry.namespace, entry]));
  const found: StructureDifference[] = [];
  for (const entry of source) {
    const { namespace } = entry;
    const copy = targets.get(namespace);
    targets.delete(namespace);
    if (!copy) found.push({ namespace, what: 'collection-missing', detail: entry.type, heldBack: false });
    else found.push(...compareOptions(entry, copy), ...compareIndexes(entry, copy));
  }
  const databases = new Set(source.map(({ database }) => database));
  for (const { namespace, database, type } of targets.values()) {
    if (databases.has(database))
      found.push({ namespace, what: 'collection-extra', detail: type, heldBack: false });
  }
  return found;
}

function compareOptions(source: CatalogEntry, target: CatalogEntry): StructureDifference[] {
  const detail = differingFields(fieldsOf(source.options), fieldsOf(target.options));
  if (detail.length === 0 && source.type === target.type) return [];
  return [
    { namespace: source.namespace, what: 'options', detail: detail.join(', ') || 'type', heldBack: false },
  ];
}

function compareIndexes(source: CatalogEntry, target: CatalogEntry): StructureDifference[] {
  const { namespace } = source;
  const copies = new Map(target.indexes.map((index) => [nameOf(index), index]));
  const found: StructureDifference[] = [];
  for (const index of source.indexes) {
    const name = nameOf(index);
    const copy = copies.get(name);
    copies.delete(name);
    if (!copy) {
      found.push({ namespace, what: 'index-missing', detail: name, heldBack: false });
      continue;
    }
    const [wanted, is] = [indexFields(index), indexFields(copy)];
    const differing = differingFields(wanted, is);
    if (differing.length === 0) continue;
    const heldBack = differing.every((field) => isHeldBack(field, is.get(field)));
    found.push({ namespace, what: 'index-different', detail: `${name}: ${differing.join(', ')}`, heldBack });
  }
  for (const name of copies.keys())
    found.push({ namespace, what: 'index-extra', detail: name, heldBack: false });
  return found;
}

/** Whether the target's value is the one that a load leaves there. */
function isHeldBack(field: string, value: Field | undefined): boolean {
  if (!HELD_BACK.has(field)) return false;
  return field !== 'expireAfterSeconds' || value?.number === DISARMED_SECONDS;
}

interface Field {
  /** Bytes that are equal where the values are: numbers by value, others by type and payload. */
  readonly comparable: string;
  readonly number: number | undefined;
}

function fieldsOf(document: Uint8Array): Map<string, Field> {
  const fields = new Map<string, Field>();
  for (const element of elements(document)) fields.set(element.name, comparable(element));
  return fields;
}

/** False is how a server may or may not write down an option that is off. */
function indexFields(index: Uint8Array): Map<string, Field> {
  const fields = fieldsOf(index);
  for (const name of INCIDENTAL) fields.delete(name);
  for (const [name, field] of fields) if (field.comparable === 'false') fields.delete(name);
  return fields;
}

function comparable(element: RawElement): Field {
  const bytes = Buffer.from(element.bytes.buffer, element.bytes.byteOffset, element.bytes.byteLength);
  const number = numberIn(element.type, bytes);
  if (number !== undefined) return { comparable: `number ${number}`, number };
  if (element.type === 8) return { comparable: bytes[0] === 1 ? 'true' : 'false', number: undefined };
  return { comparable: `${element.type} ${bytes.toString('base64')}`, number: undefined };
}

function numberIn(type: number, bytes: Buffer): number | undefined {
  if (type === 1) return bytes.readDoubleLE();
  if (type === 16) return bytes.readInt32LE();
  if (type === 18) return Number(bytes.readBigInt64LE());
  return undefined;
}

function differingFields(a: ReadonlyMap<string, Field>, b: ReadonlyMap<string, Field>): string[] {
  const names = new Set([...a.keys(), ...b.keys()]);
  return [...names].filter((name) => a.get(name)?.comparable !== b.get(name)?.comparable);
}

function nameOf(index: Uint8Array): string {
  for (const { name, type, bytes } of elements(index)) {
    if (name === 'name' && type === 2) return Buffer.from(bytes).toString('utf8', 4, bytes.length - 1);
  }
  return '';
}
