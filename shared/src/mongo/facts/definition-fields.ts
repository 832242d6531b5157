/**
 * Describes collections and indexes as fields that compare equal whichever server wrote them down.
 * Numbers compare by their exact value. An option that is off counts as absent, and so does a
 * default that only some servers state. Servers keep what they evaluate on documents as it was
 * given, and there `true` and `1` differ: such fields are compared byte for byte. Pure.
 */
import {
  asBuffer,
  BsonType,
  elements,
  findElement,
  type NamedElement,
  type RawElement,
} from '../../bson/raw.ts';
import { readString } from '../../bson/values.ts';
import { expiryOf, isYes, numberOf } from './index-meaning.ts';

/** A text for each field, by name. Two texts are equal if the meanings are. */
export type Fields = ReadonlyMap<string, string>;

/** Facts about how a collection came to be, not about what it is. */
const INCIDENTAL_OPTIONS = new Set(['uuid', 'temp', 'autoIndexId', 'flags', 'idIndex', 'create', 'ns']);
/**
 * The fields that define an index. Servers before 4.2 stored any other field beside these, with no
 * effect.
 */
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
]);
/** Servers evaluate these on documents. From 4.0 on they keep them as they were given. */
const VERBATIM = new Set(['validator', 'pipeline', 'partialFilterExpression']);
/**
 * Servers before 4.2 kept these numbers as they were given. Only the whole part of `bits` counts.
 */
const NUMBERS: ReadonlyMap<string, (value: number) => number> = new Map([
  ['bits', Math.trunc],
  ['min', Number],
  ['max', Number],
]);
const FLAGS = new Set(['unique', 'sparse', 'hidden', 'prepareUnique', 'clustered']);
/** The order inside these fields means nothing. */
const UNORDERED = new Set(['collation', 'weights', 'clusteredIndex', 'timeseries']);
/** Versions of the library that a server is built with, and of the format that it writes. */
const INCIDENTAL_PARTS: ReadonlyMap<string, string> = new Map([
  ['collation', 'version'],
  ['clusteredIndex', 'v'],
]);
const VALIDATION_DEFAULTS: ReadonlyMap<string, string> = new Map([
  ['validationLevel', 'strict'],
  ['validationAction', 'error'],
]);
/**
 * Servers before 6.2 round the size of a capped collection up to a multiple of the first number.
 * They make no capped collection smaller than the second.
 */
const CAPPED_UNIT = 256;
const CAPPED_LEAST = 4096;

export function optionFields(options: Uint8Array): Fields {
  const fields = new Map<string, string>();
  const validator = findElement(options, 'validator');
  const validates = validator !== undefined && [...elements(validator.bytes)].length > 0;
  for (const element of elements(options)) {
    const { name } = element;
    if (INCIDENTAL_OPTIONS.has(name) || isOff(element)) continue;
    if ((name === 'capped' || name === 'max') && numberOf(element) === 0) continue;
    if (name === 'validator' && !validates) continue;
    // Without a validator, other values count too: a validator may come later.
    if (element.type === BsonType.string && readString(element) === VALIDATION_DEFAULTS.get(name)) continue;
    if (name === 'collation' && isSimple(element)) continue;
    fields.set(name, name === 'size' ? cappedSize(element) : comparable(element));
  }
  return fields;
}

/** `expires` is false if the server itself deletes nothing from that collection. */
export function indexFields(index: Uint8Array, expires = true): Fields {
  const fields = new Map<string, string>();
  for (const element of elements(index)) {
    const { name } = element;
    if (!INDEX_FIELDS.has(name) || isOff(element)) continue;
    if (name === 'collation' && isSimple(element)) continue;
    const number = NUMBERS.has(name) ? numberOf(element) : undefined;
    if (FLAGS.has(name)) fields.set(name, 'on');
    else if (number !== undefined) fields.set(name, `number ${NUMBERS.get(name)!(number)}`);
    else fields.set(name, comparable(element));
  }
  const expiry = expiryOf(index, expires);
  // The expiry of a clustered collection is an option; its index shows it once more.
  if (expiry.kind === 'none' || fields.has('clustered')) fields.delete('expireAfterSeconds');
  else fields.set('expireAfterSeconds', expiryText(expiry.seconds));
  return fields;
}

/** Names of the fields that differ. */
export function differing(a: Fields, b: Fields): string[] {
  const names = new Set([...a.keys(), ...b.keys()]);
  return [...names].filter((name) => a.get(name) !== b.get(name));
}

/** The text of an expiry among the fields. */
export function expiryText(seconds: number): string {
  return `number ${seconds}`;
}

function comparable(element: NamedElement): string {
  const { name, type, bytes } = element;
  if (VERBATIM.has(name)) return exactText(element);
  if (!isNested(element)) return looseText(element);
  const parts = [...elements(bytes)].filter((part) => part.name !== INCIDENTAL_PARTS.get(name)).map(partText);
  if (UNORDERED.has(name)) parts.sort();
  return `${type}{${parts.join(',')}}`;
}

function exactText({ type, bytes }: RawElement): string {
  return `${type} ${asBuffer(bytes).toString('base64')}`;
}

/** True counts as 1, and a number as its value, whatever type it has. */
function looseText(element: RawElement): string {
  const { type, bytes } = element;
  const number = numberText(element);
  if (number !== undefined) return `number ${number}`;
  if (type === BsonType.boolean) return `number ${bytes[0] === 1 ? 1 : 0}`;
  if (type === BsonType.string) return stringText(asBuffer(bytes).subarray(4, -1));
  if (!isNested(element)) return exactText(element);
  return `${type}{${[...elements(bytes)].map(partText).join(',')}}`;
}

function partText(part: NamedElement): string {
  return `${stringText(part.nameBytes)}:${looseText(part)}`;
}

/** Byte by byte, so that strings that are not UTF-8 are told apart too. */
function stringText(bytes: Buffer): string {
  return JSON.stringify(bytes.toString('latin1'));
}

function isNested({ type }: RawElement): boolean {
  return type === BsonType.document || type === BsonType.array;
}

function isOff(element: NamedElement): boolean {
  const saysNo = element.type === BsonType.null || element.type === BsonType.boolean;
  return !isYes(element) && (saysNo || FLAGS.has(element.name));
}

function isSimple({ bytes }: RawElement): boolean {
  const locale = findElement(bytes, 'locale');
  return locale?.type === BsonType.string && readString(locale) === 'simple';
}

function cappedSize(element: NamedElement): string {
  const size = Math.max(numberOf(element) ?? 0, CAPPED_LEAST);
  return `number ${Math.ceil(size / CAPPED_UNIT) * CAPPED_UNIT}`;
}

/** Exact: a double cannot hold every long or decimal. */
function numberText(element: RawElement): string | undefined {
  const { type, bytes } = element;
  if (type === BsonType.decimal128) return undefined;
  if (type === BsonType.int64) return String(asBuffer(bytes).readBigInt64LE(0));
  const value = numberOf(element);
  return Number.isInteger(value) ? String(BigInt(value!)) : value?.toString();
}
