/**
 * What collections and indexes are, as fields that can be compared whatever server wrote them down: numbers by value,
 * an option that is off as one that is not there, defaults that only some servers state. Pure.
 */
import { BsonType, elements, findElement, type NamedElement, type RawElement } from '../bson/raw.ts';
import { readString } from '../bson/values.ts';

/** The largest that servers take: 68 years. */
export const LARGEST_EXPIRY_SECONDS = 2_147_483_647;

/** By name, a text that is equal where the meaning is. */
export type Fields = ReadonlyMap<string, string>;

/** Facts about how a collection came to be, not about what it is. */
const INCIDENTAL_OPTIONS = new Set(['uuid', 'temp', 'autoIndexId', 'flags', 'idIndex', 'create', 'ns']);
/** What makes an index what it is. Servers before 4.2 stored whatever they were given beside these, with no effect. */
const INDEX_FIELDS = new Set([
  'key',
  'name',
  'unique',
  'sparse',
  'hidden',
  'expireAfterSeconds',
  'prepareUnique',
  'partialFilterExpression',
  'collation',
  'storageEngine',
  'weights',
  'default_language',
  'language_override',
  'bits',
  'min',
  'max',
  'wildcardProjection',
  'clustered',
  'bucketSize',
]);
/** Of these every number but 0 is a yes. */
const FLAGS = new Set(['unique', 'sparse', 'hidden', 'prepareUnique', 'clustered']);
/** Fields inside which order says nothing. */
const UNORDERED = new Set(['collation', 'weights', 'clusteredIndex', 'timeseries']);
/** Of the library that a server is built with, and of the format that it writes. */
const INCIDENTAL_PARTS: ReadonlyMap<string, string> = new Map([
  ['collation', 'version'],
  ['clusteredIndex', 'v'],
]);
const VALIDATION_DEFAULTS: ReadonlyMap<string, string> = new Map([
  ['validationLevel', 'strict'],
  ['validationAction', 'error'],
]);
/** Servers before 6.2 round the size of a capped collection up to this, and take no smaller than the other. */
const CAPPED_UNIT = 256;
const CAPPED_LEAST = 4096;

export function optionFields(options: Uint8Array): Fields {
  const fields = new Map<string, string>();
  const validator = findElement(options, 'validator');
  const validates = validator !== undefined && [...elements(validator.bytes)].length > 0;
  for (const element of elements(options)) {
    const { name } = element;
    if (INCIDENTAL_OPTIONS.has(name) || isOff(element)) continue;
    if ((name === 'capped' || name === 'max') && numberIn(element) === 0) continue;
    if (name === 'validator' && !validates) continue;
    if (VALIDATION_DEFAULTS.has(name) && !validates) continue;
    if (name === 'collation' && isSimple(element)) continue;
    fields.set(name, name === 'size' ? cappedSize(element) : comparable(element));
  }
  if (validates) {
    for (const [name, value] of VALIDATION_DEFAULTS)
      if (!fields.has(name)) fields.set(name, JSON.stringify(value));
  }
  return fields;
}

export function indexFields(index: Uint8Array): Fields {
  const fields = new Map<string, string>();
  for (const element of elements(index)) {
    const { name } = element;
    if (!INDEX_FIELDS.has(name) || isOff(element)) continue;
    if (name === 'collation' && isSimple(element)) continue;
    if (FLAGS.has(name)) fields.set(name, 'on');
    else fields.set(name, name === 'expireAfterSeconds' ? expiry(element) : comparable(element));
  }
  // Of a clustered collection it is an option, shown here once more.
  if (fields.has('clustered')) fields.delete('expireAfterSeconds');
  return fields;
}

/** Names of the fields that differ. */
export function differing(a: Fields, b: Fields): string[] {
  const names = new Set([...a.keys(), ...b.keys()]);
  return [...names].filter((name) => a.get(name) !== b.get(name));
}

/** Of an expiry, as it stands among the fields. */
export function expiryText(seconds: number): string {
  return `number ${seconds}`;
}

function comparable(element: NamedElement): string {
  const { name, type, bytes } = element;
  const number = numberIn(element);
  if (number !== undefined) return `number ${number}`;
  if (type === BsonType.string) return JSON.stringify(readString(element));
  if (type === BsonType.boolean) return bytes[0] === 1 ? 'number 1' : 'number 0';
  if (type !== BsonType.document && type !== BsonType.array)
    return `${type} ${Buffer.from(bytes).toString('base64')}`;
  const parts: string[] = [];
  for (const part of elements(bytes)) {
    if (part.name === INCIDENTAL_PARTS.get(name)) continue;
    parts.push(`${JSON.stringify(part.nameBytes.toString('latin1'))}:${comparable(part)}`);
  }
  if (UNORDERED.has(name)) parts.sort();
  return `${type}{${parts.join(',')}}`;
}

/** False and nothing, and of a flag every zero. */
function isOff(element: NamedElement): boolean {
  if (element.type === BsonType.null) return true;
  if (element.type === BsonType.boolean) return element.bytes[0] === 0;
  return FLAGS.has(element.name) && numberIn(element) === 0;
}

function isSimple({ bytes }: RawElement): boolean {
  const locale = findElement(bytes, 'locale');
  return locale?.type === BsonType.string && readString(locale) === 'simple';
}

function cappedSize(element: NamedElement): string {
  const size = Math.max(numberIn(element) ?? 0, CAPPED_LEAST);
  return `number ${Math.ceil(size / CAPPED_UNIT) * CAPPED_UNIT}`;
}

/** Whole seconds; what is no number never comes. */
function expiry(element: NamedElement): string {
  const seconds = numberIn(element);
  if (seconds === undefined) return comparable(element);
  return expiryText(
    Number.isNaN(seconds) ? LARGEST_EXPIRY_SECONDS : Math.trunc(Math.min(seconds, LARGEST_EXPIRY_SECONDS)),
  );
}

function numberIn({ type, bytes }: RawElement): number | undefined {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (type === BsonType.int32) return view.getInt32(0, true);
  if (type === BsonType.int64) return Number(view.getBigInt64(0, true));
  return type === BsonType.double ? view.getFloat64(0, true) : undefined;
}
