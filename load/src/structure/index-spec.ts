/**
 * From an index as the source has it (*wanted*: a listIndexes entry, or one out of a createIndexes event) to the form
 * that stands on the target during the load (*held back*), and back. Pure; works on raw bytes, so that what is not
 * meant is not touched: numbers keep their types, keys their order.
 *
 * Held back: unique as non-unique, because lanes apply side by side and two documents may meet in a key for a moment;
 * TTL with an expiry that never fires, because deletes are the source's to make; hidden as visible, so that the server
 * may use it. Cutover restores all three.
 */
import { buildDocument, doc, type Field, fromObject, int32 } from '@waybill/shared/bson/build';
import {
  BsonType,
  elements,
  findElement,
  type NamedElement,
  type RawElement,
} from '@waybill/shared/bson/raw';
import { readString } from '@waybill/shared/bson/values';
import { LARGEST_EXPIRY_SECONDS } from '@waybill/shared/mongo/definition-fields';

export type IndexVerdict = 'ok' | 'altered' | 'skipped';

export interface TranslatedIndex {
  readonly name: string;
  readonly verdict: IndexVerdict;
  /** Why it is altered or skipped. */
  readonly note: string | undefined;
  /** What to create now; null for a skipped one. */
  readonly heldBack: Buffer | null;
}

/** What cutover has to give back. */
export interface HeldBack {
  readonly unique: boolean;
  readonly prepareUnique: boolean;
  readonly hidden: boolean;
  /** The source's own expiry, whatever number type it is. */
  readonly expireAfterSeconds: RawElement | null;
}

export const NEVER_EXPIRES_SECONDS = LARGEST_EXPIRY_SECONDS;

/** Fields that createIndexes takes on every server that can be a target. */
const KNOWN_FIELDS: ReadonlySet<string> = new Set([
  'v',
  'key',
  'name',
  'sparse',
  'partialFilterExpression',
  'collation',
  'storageEngine',
  'weights',
  'default_language',
  'language_override',
  'textIndexVersion',
  '2dsphereIndexVersion',
  'bits',
  'min',
  'max',
  'wildcardProjection',
]);
/** Said by old servers and of no effect, or ours to hold back. */
const DROPPED_FIELDS: ReadonlySet<string> = new Set([
  'ns',
  'background',
  'unique',
  'prepareUnique',
  'hidden',
  'clustered',
]);

export function indexName(spec: Uint8Array): string {
  return readString(findElement(spec, 'name'));
}

/** Comes with its collection: the `_id` index, or the key of a clustered collection. */
export function isInherent(spec: Uint8Array): boolean {
  if (isTrue(findElement(spec, 'clustered'))) return true;
  const key = findElement(spec, 'key');
  const fields = key ? [...elements(key.bytes)] : [];
  // Others on _id alone exist too: descending, hashed.
  return fields.length === 1 && fields[0]!.name === '_id' && isOne(fields[0]!);
}

export function heldBackOf(spec: Uint8Array): HeldBack {
  return {
    unique: isTrue(findElement(spec, 'unique')),
    prepareUnique: isTrue(findElement(spec, 'prepareUnique')),
    hidden: isTrue(findElement(spec, 'hidden')),
    expireAfterSeconds: findElement(spec, 'expireAfterSeconds') ?? null,
  };
}

export interface TranslateOptions {
  /** The collection has a collation: an index that says nothing would inherit it. */
  readonly collated: boolean;
}

/** The form of a secondary index that stands on the target until cutover. */
export function translateIndex(spec: Uint8Array, { collated }: TranslateOptions): TranslatedIndex {
  const name = indexName(spec);
  if (findElement(spec, 'bucketSize')) {
    return { name, verdict: 'skipped', note: 'geoHaystack indexes no longer exist', heldBack: null };
  }
  const fields: Field[] = [];
  const left: string[] = [];
  let version = 2;
  for (const element of elements(spec)) {
    const field = element.name;
    if (field === 'expireAfterSeconds') fields.push([field, int32(NEVER_EXPIRES_SECONDS)]);
    else if (field === 'v') {
      version = numberOf(element);
      // Version 0 can be read by no current server. Version 1 can, and is kept.
      if (version >= 1) fields.push([field, element]);
    } else if (KNOWN_FIELDS.has(field)) fields.push([field, element]);
    else if (!DROPPED_FIELDS.has(field)) left.push(field);
  }
  // Version 1 knows no collations, and can not stand in a collated collection but by its own default.
  if (collated && version !== 1 && !findElement(spec, 'collation')) {
    fields.push(['collation', doc(fromObject({ locale: 'simple' }))]);
  }
  const notes = [
    ...(version < 1 ? ['built with the current index version'] : []),
    ...(left.length > 0 ? [`left out: ${left.join(', ')}`] : []),
  ];
  return {
    name,
    verdict: notes.length > 0 ? 'altered' : 'ok',
    note: notes.length > 0 ? notes.join('; ') : undefined,
    heldBack: buildDocument(fields),
  };
}

/** The same index in its final form, for targets where it has to be built anew. */
export function finalIndex(spec: Uint8Array, options: TranslateOptions): Buffer | null {
  const { heldBack } = translateIndex(spec, options);
  if (heldBack === null) return null;
  const fields: Field[] = [];
  for (const element of elements(heldBack)) {
    if (element.name !== 'expireAfterSeconds') fields.push([element.name, element]);
  }
  for (const element of elements(spec)) {
    if (['unique', 'prepareUnique', 'hidden', 'expireAfterSeconds'].includes(element.name)) {
      fields.push([element.name, element]);
    }
  }
  return buildDocument(fields);
}

/**
 * What tells indexes of one collection apart to the server, of those that stand there and of those to be made. Two that
 * differ only in what is held back (a unique and a non-unique one of the same key) can not both stand there until cutover.
 */
export function indexSignature(spec: Uint8Array): string {
  const key = findElement(spec, 'key');
  const keyText = key ? [...elements(key.bytes)].map(keyPartText).join(',') : '';
  const collation = findElement(spec, 'collation');
  const locale = collation && findElement(collation.bytes, 'locale');
  const isSimple = !locale || readString(locale) === 'simple';
  return [
    keyText,
    isSimple ? '' : bytesText(collation),
    bytesText(findElement(spec, 'partialFilterExpression')),
    bytesText(findElement(spec, 'wildcardProjection')),
    isTrue(findElement(spec, 'sparse')) ? 'sparse' : '',
  ].join('\0');
}

function keyPartText(part: NamedElement): string {
  const value = isNumber(part) ? String(numberOf(part)) : bytesText(part);
  return `${part.nameBytes.toString('latin1')}\0${value}`;
}

function bytesText(element: RawElement | undefined): string {
  return element ? Buffer.from(element.bytes).toString('latin1') : '';
}

/** The spec with some fields set or, where the value is null, taken out. */
export function withFields(spec: Uint8Array, changes: ReadonlyMap<string, RawElement | null>): Buffer {
  const fields: Field[] = [];
  const seen = new Set<string>();
  for (const element of elements(spec)) {
    const change = changes.get(element.name);
    seen.add(element.name);
    if (change !== null) fields.push([element.nameBytes, change ?? element]);
  }
  for (const [name, value] of changes) if (!seen.has(name) && value !== null) fields.push([name, value]);
  return buildDocument(fields);
}

/** Servers take any number that is not 0 for true here, and old ones stored what they were given. */
function isTrue(element: RawElement | undefined): boolean {
  if (!element) return false;
  if (element.type === BsonType.boolean) return element.bytes[0] !== 0;
  return isNumber(element) && numberOf(element) !== 0;
}

function isOne(element: NamedElement): boolean {
  return isNumber(element) && numberOf(element) > 0;
}

function isNumber({ type }: RawElement): boolean {
  return type === BsonType.int32 || type === BsonType.int64 || type === BsonType.double;
}

function numberOf({ type, bytes }: RawElement): number {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (type === BsonType.int32) return view.getInt32(0, true);
  if (type === BsonType.int64) return Number(view.getBigInt64(0, true));
  return type === BsonType.double ? view.getFloat64(0, true) : 0;
}
