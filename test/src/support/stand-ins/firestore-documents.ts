/** Which documents Firestore with MongoDB compatibility refuses, and how it alters others. */
import { isUtf8 } from 'node:buffer';
import { BsonType, elements, type RawElement, typeName } from '@waybill/shared/bson/raw';
import { readString } from '@waybill/shared/bson/values';
import { entryBytes, holdsName, holdsType, longestPath, nests, values } from './documents.ts';
import { type DocumentRule, type Fault, fault } from './rules.ts';

const KIB = 1024;
const NAME_BYTES = 1500;
const RESERVED = /^__.*__$/s;

/** 2.3: a permanent error is 2, of which the text tells what it is (2.7). */
const invalid = (text: string): Fault => fault(2, 'InvalidArgument', text);

// 2.3, and fact 5: the types of an _id; an object's values, and items of its arrays, likewise.
const ID_TYPES: ReadonlySet<number> = new Set([
  ...[BsonType.objectId, BsonType.string, BsonType.int64, BsonType.int32, BsonType.double],
  ...[BsonType.binary, BsonType.document],
]);
// 2.3, and fact 4. A DBRef is told by its names.
const FORBIDDEN_TYPES: ReadonlySet<number> = new Set([
  ...[BsonType.undefined, BsonType.symbol, BsonType.dbPointer, BsonType.code, BsonType.codeWithScope],
]);
// 1 and fact 4: years 1 to 9999.
const [FIRST_DATE, LAST_DATE] = [-62_135_596_800_000n, 253_402_300_799_999n];

function isIdType({ type, bytes }: RawElement, mayBeArray = false): boolean {
  const isArray = type === BsonType.array;
  if (isArray ? !mayBeArray : type !== BsonType.document) return ID_TYPES.has(type);
  return [...elements(bytes)].every((leaf) => isIdType(leaf, !isArray));
}

/** The text or the bytes of a value alone. */
function contentBytes({ type, bytes }: RawElement): number {
  return bytes.length - (type === BsonType.string || type === BsonType.binary ? 5 : 0);
}

/** A DBRef is an object that begins with these two. */
function isDbRef({ type, bytes }: RawElement): boolean {
  if (type !== BsonType.document) return false;
  const [first, second] = elements(bytes);
  return first?.name === '$ref' && second?.name === '$id';
}

const rule = (
  name: string,
  refuses: DocumentRule['refuses'],
  manner: DocumentRule['manner'] = 'statement',
): DocumentRule => ({ name, manner, refuses });

export const FIRESTORE_DOCUMENTS: readonly DocumentRule[] = [
  // 2.3: the reference does not say how a server answers that cannot read a value. The whole
  // command fails here, so that a loader must not count on more.
  rule(
    'bson-type',
    ({ document }) =>
      holdsType(document, FORBIDDEN_TYPES)
        ? invalid('the document holds a type that is not supported')
        : null,
    'command',
  ),
  rule('dbref', ({ document }) =>
    [...values(document)].some(({ element }) => isDbRef(element)) ? invalid('DBRef is not supported') : null,
  ),
  // 2.3, fact 5.
  rule('id-type', ({ id }) =>
    id && !isIdType(id) ? invalid(`an _id of type ${typeName(id.type)} is not supported`) : null,
  ),
  rule('id-size', ({ id }) =>
    id && contentBytes(id) > NAME_BYTES ? invalid('the _id is longer than 1500 bytes') : null,
  ),
  rule('id-name', ({ id }) =>
    id?.type === BsonType.string && (RESERVED.test(readString(id)) || !isUtf8(id.bytes.subarray(4, -1)))
      ? invalid('the _id is reserved, or no UTF-8')
      : null,
  ),
  // 2.3, fact 4.
  rule('field-name', ({ document }) =>
    holdsName(document, (name, bytes) => name === '' || RESERVED.test(name) || !isUtf8(bytes)) ||
    longestPath(document) > NAME_BYTES
      ? invalid('a field name is empty, reserved, no UTF-8 or too long, or the path to it is')
      : null,
  ),
  // 2.3: insert alone can create them. The reference gives no code; MongoDB's own is 52.
  rule('dollar-name', ({ document, by }) =>
    by !== 'insert' && holdsName(document, (name) => name.startsWith('$'))
      ? fault(52, 'DollarPrefixedFieldName', 'a name that begins with $ cannot be created by an update')
      : null,
  ),
  // 2.3, fact 4: read as twenty arrays and objects, one in another, below the document.
  rule('depth', ({ document }) =>
    nests(document, 20) ? invalid('the document nests deeper than 20 levels') : null,
  ),
  rule('date-range', ({ document }) => {
    for (const { element } of values(document)) {
      if (element.type !== BsonType.date) continue;
      const at = element.bytes.readBigInt64LE(0);
      if (at < FIRST_DATE || at > LAST_DATE) return invalid('a date is outside of the years 0001 to 9999');
    }
    return null;
  }),
  // 2.3: options i, m, s, u and x.
  rule('regex-options', ({ document }) => {
    for (const { element } of values(document)) {
      if (element.type === BsonType.regex && !/^[imsux]*$/.test(optionsOf(element.bytes))) {
        return invalid('a regular expression has an option that is not supported');
      }
    }
    return null;
  }),
  // 2.4: 7.5 KiB an entry.
  rule('index-entry', (candidate, { indexes }) => {
    for (const key of indexes(candidate.namespace).values()) {
      if (entryBytes(candidate, key) > 7.5 * KIB) return invalid('an index entry is larger than 7.5 KiB');
    }
    return null;
  }),
];

const optionsOf = (regex: Buffer): string => regex.toString('utf8', regex.indexOf(0) + 1, regex.length - 1);

const NAN = Buffer.from('000000000000f87f', 'hex');
const DECIMAL_SIGN_AND_KIND = { nan: 0x7c, infinite: 0x78 } as const;

/** 2.3: NaN, a decimal's NaN and infinities, and the options of a regular expression. */
export function canonicalise(document: Buffer): void {
  for (const { element } of values(document)) {
    const { type, bytes } = element;
    if (type === BsonType.double && Number.isNaN(bytes.readDoubleLE(0))) bytes.set(NAN);
    if (type === BsonType.regex) {
      bytes.write([...optionsOf(bytes)].sort().join(''), bytes.indexOf(0) + 1);
    }
    if (type !== BsonType.decimal128) continue;
    const kind = bytes[15]! & 0x7c;
    if (kind === DECIMAL_SIGN_AND_KIND.nan) setDecimal(bytes, DECIMAL_SIGN_AND_KIND.nan);
    else if (kind === DECIMAL_SIGN_AND_KIND.infinite) setDecimal(bytes, (bytes[15]! & 0x80) | kind);
  }
}

function setDecimal(bytes: Buffer, top: number): void {
  bytes.fill(0);
  bytes[15] = top;
}
