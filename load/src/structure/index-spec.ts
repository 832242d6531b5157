/**
 * Turns an index as the source has it (*wanted*: a listIndexes entry, or one out of a createIndexes
 * event) into the form that stands on the target during the load (*held back*), and back. Pure. It
 * works on raw bytes, so what is not meant to change does not: numbers keep their types, keys their
 * order.
 *
 * Held back are three things. A unique index is non-unique, because lanes apply side by side and
 * two documents may share a key for a moment. A TTL index is an ordinary one, because only the
 * source deletes. A hidden index is visible, so that the server may use it. Cutover restores all
 * three. (Rejected: TTL with the largest expiry that servers take. It deletes documents dated
 * before 1958.)
 *
 * Everything else is given as the source's server reads it, which may differ from how it is
 * written.
 */
import {
  boolean,
  buildDocument,
  doc,
  double,
  type Field,
  fromObject,
  int32,
} from '@waybill/shared/bson/build';
import {
  BsonType,
  elements,
  findElement,
  type NamedElement,
  type RawElement,
} from '@waybill/shared/bson/raw';
import { readString } from '@waybill/shared/bson/values';
import {
  type Expiry,
  expiryOf,
  isHaystack,
  isIdIndex,
  isYes,
  LARGEST_EXPIRY_SECONDS,
  numberOf,
} from '@waybill/shared/mongo/facts/index-meaning';

export type IndexVerdict = 'ok' | 'altered' | 'skipped';

export interface TranslatedIndex {
  readonly name: string;
  readonly verdict: IndexVerdict;
  /** Why it is altered or skipped. */
  readonly note: string | undefined;
  /** What to create now; null for a skipped one. */
  readonly heldBack: Buffer | null;
}

/** What cutover restores. */
export interface HeldBack {
  readonly unique: boolean;
  readonly prepareUnique: boolean;
  readonly hidden: boolean;
  readonly expiry: Expiry;
}

/** createIndexes takes these fields on every server that can be a target. */
const KNOWN_FIELDS: ReadonlySet<string> = new Set([
  'v',
  'key',
  'name',
  'partialFilterExpression',
  'collation',
  'storageEngine',
  'weights',
  'default_language',
  'language_override',
  'textIndexVersion',
  '2dsphereIndexVersion',
  'wildcardProjection',
]);
/** Servers before 4.2 gave these in other types. */
const READ_FIELDS: ReadonlyMap<string, (element: RawElement) => RawElement> = new Map([
  ['sparse', asBoolean],
  ['bits', (element) => asNumber(element, (value) => int32(Math.trunc(value)))],
  ['min', (element) => asNumber(element, double)],
  ['max', (element) => asNumber(element, double)],
]);
/** Fields of old servers without effect, and fields that the load holds back. */
const DROPPED_FIELDS: ReadonlySet<string> = new Set([
  'ns',
  'background',
  'unique',
  'prepareUnique',
  'hidden',
  'clustered',
  'expireAfterSeconds',
  'bucketSize',
]);

export function indexName(spec: Uint8Array): string {
  return readString(findElement(spec, 'name'));
}

/** An index that comes with its collection: `_id`, or the key of a clustered collection. */
export function isInherent(spec: Uint8Array): boolean {
  return isYes(findElement(spec, 'clustered')) || isIdIndex(spec);
}

export function heldBackOf(spec: Uint8Array): HeldBack {
  return {
    unique: isYes(findElement(spec, 'unique')),
    prepareUnique: isYes(findElement(spec, 'prepareUnique')),
    hidden: isYes(findElement(spec, 'hidden')),
    expiry: expiryOf(spec),
  };
}

export interface TranslateOptions {
  /** The collection has a collation. An index without one of its own would inherit it. */
  readonly collated: boolean;
}

/** The form of a secondary index that stands on the target until cutover. */
export function translateIndex(spec: Uint8Array, { collated }: TranslateOptions): TranslatedIndex {
  const name = indexName(spec);
  if (isHaystack(spec)) {
    return { name, verdict: 'skipped', note: 'geoHaystack indexes no longer exist', heldBack: null };
  }
  const fields: Field[] = [];
  const left: string[] = [];
  let version = 2;
  for (const element of elements(spec)) {
    const field = element.name;
    const read = READ_FIELDS.get(field);
    if (field === 'v') {
      version = numberOf(element) ?? 0;
      // No current server reads version 0. Version 1 is kept.
      if (version >= 1) fields.push([field, element]);
    } else if (read) fields.push([field, read(element)]);
    else if (KNOWN_FIELDS.has(field)) fields.push([field, element]);
    else if (!DROPPED_FIELDS.has(field)) left.push(field);
  }
  // Version 1 knows no collations, and stands in a collated collection only by its own default.
  if (collated && version !== 1 && !findElement(spec, 'collation')) {
    fields.push(['collation', doc(fromObject({ locale: 'simple' }))]);
  }
  const notes = [
    ...(version < 1 ? ['built with the current index version'] : []),
    ...(left.length > 0 ? [`left out: ${left.join(', ')}`] : []),
    ...expiryNote(spec),
  ];
  return {
    name,
    verdict: notes.length > 0 ? 'altered' : 'ok',
    note: notes.length > 0 ? notes.join('; ') : undefined,
    heldBack: buildDocument(fields),
  };
}

/** Notes on an expiry that cutover does not restore. */
function expiryNote(spec: Uint8Array): string[] {
  if (!findElement(spec, 'expireAfterSeconds')) return [];
  const expiry = expiryOf(spec);
  if (expiry.kind === 'none') return ['without its expiry, by which no document ever expires'];
  return expiry.kind === 'beyond' ? [expiryOutOfRange(expiry.seconds)] : [];
}

export function expiryOutOfRange(seconds: number): string {
  return `without its expiry of ${seconds} seconds: the target takes 0 to ${LARGEST_EXPIRY_SECONDS}`;
}

export interface FinalOptions extends TranslateOptions {
  /** The index is to expire documents now. */
  readonly expires: boolean;
}

/** The index in its final form, for targets where it has to be built anew. */
export function finalIndex(spec: Uint8Array, options: FinalOptions): Buffer | null {
  const { heldBack } = translateIndex(spec, options);
  if (heldBack === null) return null;
  const { unique, prepareUnique, hidden, expiry } = heldBackOf(spec);
  const flags = Object.entries({ unique, prepareUnique, hidden }).filter(([, isSet]) => isSet);
  const fields: Field[] = [...elements(heldBack)].map((element): Field => [element.name, element]);
  for (const [name] of flags) fields.push([name, boolean(true)]);
  if (options.expires && expiry.kind === 'after') fields.push(['expireAfterSeconds', int32(expiry.seconds)]);
  return buildDocument(fields);
}

/**
 * Tells the indexes of one collection apart as the server does. Two that differ only in what is
 * held back (a unique and a non-unique one of the same key) cannot both stand there until cutover.
 */
export function indexSignature(spec: Uint8Array): string {
  const collation = findElement(spec, 'collation');
  const locale = collation && findElement(collation.bytes, 'locale');
  const isSimple = !locale || readString(locale) === 'simple';
  return [
    keyText(spec),
    isSimple ? '' : bytesText(collation),
    bytesText(findElement(spec, 'partialFilterExpression')),
    bytesText(findElement(spec, 'wildcardProjection')),
    isYes(findElement(spec, 'sparse')) ? 'sparse' : '',
  ].join('\0');
}

export function hasSameKey(one: Uint8Array, other: Uint8Array): boolean {
  return keyText(one) === keyText(other);
}

/**
 * Whether the index stands there. One of its name with another key is somebody else's: a collection
 * may have had it before the load.
 */
export function standsAmong(
  standing: readonly Uint8Array[],
  { name, spec }: { readonly name: string; readonly spec: Uint8Array },
): boolean {
  return standing.some((one) => indexName(one) === name && hasSameKey(one, spec));
}

function keyText(spec: Uint8Array): string {
  const key = findElement(spec, 'key');
  return key ? [...elements(key.bytes)].map(keyPartText).join(',') : '';
}

function keyPartText(part: NamedElement): string {
  return `${part.nameBytes.toString('latin1')}\0${numberOf(part) ?? bytesText(part)}`;
}

function bytesText(element: RawElement | undefined): string {
  return element ? Buffer.from(element.bytes).toString('latin1') : '';
}

function asBoolean(element: RawElement): RawElement {
  return element.type === BsonType.boolean ? element : boolean(isYes(element));
}

/** A number that every server takes and keeps, of the same value. */
function asNumber(element: RawElement, make: (value: number) => RawElement): RawElement {
  const value = numberOf(element);
  const isPlain = element.type === BsonType.int32 || (element.type === BsonType.double && make === double);
  return value === undefined || isPlain ? element : make(value);
}
