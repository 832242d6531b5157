/**
 * Reads BSON where it lies. Nothing here turns a document into JavaScript objects, and every slice
 * shares the memory of its document. Names and strings stay bytes. They need not be valid UTF-8,
 * and a name may be empty or occur twice. Every step checks that it stays inside, so damaged bytes
 * end in DOCUMENT_INVALID.
 */
import { WaybillError } from '../base/errors.ts';

/** One BSON value: its type byte and its payload (without the name). */
export interface RawElement {
  readonly type: number;
  readonly bytes: Uint8Array;
}

export const BsonType = {
  double: 0x01,
  string: 0x02,
  document: 0x03,
  array: 0x04,
  binary: 0x05,
  undefined: 0x06,
  objectId: 0x07,
  boolean: 0x08,
  date: 0x09,
  null: 0x0a,
  regex: 0x0b,
  dbPointer: 0x0c,
  code: 0x0d,
  symbol: 0x0e,
  codeWithScope: 0x0f,
  int32: 0x10,
  timestamp: 0x11,
  int64: 0x12,
  decimal128: 0x13,
  maxKey: 0x7f,
  minKey: 0xff,
} as const;

const TYPE_NAMES = new Map<number, string>(Object.entries(BsonType).map(([name, type]) => [type, name]));

/** Names a type for people. A type without a name here gives its number. */
export function typeName(type: number): string {
  return TYPE_NAMES.get(type) ?? `0x${type.toString(16).padStart(2, '0')}`;
}

/** No function here follows deeper nesting. A server's maxBSONDepth cannot be set higher. */
export const MAX_DEPTH = 250;

export function invalidDocument(reason: string): WaybillError {
  return new WaybillError('DOCUMENT_INVALID', `bytes that should be a BSON document are not one: ${reason}`);
}

export function asBuffer(bytes: Uint8Array): Buffer {
  return Buffer.isBuffer(bytes) ? bytes : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
}

/** Payload bytes by type. For the special values below, the size depends on the bytes. */
const STRING = -1;
const DOCUMENT = -2;
const BINARY = -3;
const REGEX = -4;
const DB_POINTER = -5;
const CODE_WITH_SCOPE = -6;
const UNKNOWN = -128;
const PAYLOAD = new Int8Array(256).fill(UNKNOWN);
PAYLOAD[BsonType.double] = 8;
PAYLOAD[BsonType.string] = STRING;
PAYLOAD[BsonType.document] = DOCUMENT;
PAYLOAD[BsonType.array] = DOCUMENT;
PAYLOAD[BsonType.binary] = BINARY;
PAYLOAD[BsonType.undefined] = 0;
PAYLOAD[BsonType.objectId] = 12;
PAYLOAD[BsonType.boolean] = 1;
PAYLOAD[BsonType.date] = 8;
PAYLOAD[BsonType.null] = 0;
PAYLOAD[BsonType.regex] = REGEX;
PAYLOAD[BsonType.dbPointer] = DB_POINTER;
PAYLOAD[BsonType.code] = STRING;
PAYLOAD[BsonType.symbol] = STRING;
PAYLOAD[BsonType.codeWithScope] = CODE_WITH_SCOPE;
PAYLOAD[BsonType.int32] = 4;
PAYLOAD[BsonType.timestamp] = 8;
PAYLOAD[BsonType.int64] = 8;
PAYLOAD[BsonType.decimal128] = 16;
PAYLOAD[BsonType.maxKey] = 0;
PAYLOAD[BsonType.minKey] = 0;

function int32At(b: Uint8Array, o: number, limit: number): number {
  if (o + 4 > limit) throw invalidDocument('it ends inside a length');
  return b[o]! | (b[o + 1]! << 8) | (b[o + 2]! << 16) | (b[o + 3]! << 24);
}

/**
 * Returns the size in bytes of the document that starts at `offset`. Checks first that the document
 * ends inside `b` and with a zero.
 */
export function documentSize(b: Uint8Array, offset = 0): number {
  return documentEnd(b, offset, b.length) - offset;
}

function documentEnd(b: Uint8Array, o: number, limit: number): number {
  const size = int32At(b, o, limit);
  if (size < 5 || o + size > limit) throw invalidDocument('a document is longer than what holds it');
  if (b[o + size - 1] !== 0) throw invalidDocument('a document has no terminating zero');
  return o + size;
}

function stringEnd(b: Uint8Array, o: number, limit: number): number {
  const length = int32At(b, o, limit);
  const end = o + 4 + length;
  if (length < 1 || end > limit) throw invalidDocument('a string is longer than what holds it');
  if (b[end - 1] !== 0) throw invalidDocument('a string has no terminating zero');
  return end;
}

/** Returns the index of the zero that ends the name (or other C string) starting at `o`. */
export function nameEnd(b: Uint8Array, o: number, limit: number): number {
  let end = o;
  while (end < limit && b[end] !== 0) end++;
  if (end >= limit) throw invalidDocument('a name has no terminating zero');
  return end;
}

function binaryEnd(b: Uint8Array, o: number, limit: number): number {
  const length = int32At(b, o, limit);
  const end = o + 5 + length;
  if (length < 0 || end > limit) throw invalidDocument('a binary value is longer than what holds it');
  return end;
}

function codeWithScopeEnd(b: Uint8Array, o: number, limit: number): number {
  const size = int32At(b, o, limit);
  const end = o + size;
  if (size < 14 || end > limit) throw invalidDocument('code with scope is longer than what holds it');
  if (documentEnd(b, stringEnd(b, o + 4, end), end) !== end)
    throw invalidDocument('code with scope has gaps');
  return end;
}

/**
 * Returns the end of the payload that starts at `o`. Does not look inside embedded documents. The
 * payload must end by `limit`.
 */
export function payloadEnd(b: Uint8Array, type: number, o: number, limit: number): number {
  const size = PAYLOAD[type]!;
  if (size >= 0) {
    if (o + size > limit) throw invalidDocument('it ends inside a value');
    return o + size;
  }
  switch (size) {
    case STRING:
      return stringEnd(b, o, limit);
    case DOCUMENT:
      return documentEnd(b, o, limit);
    case BINARY:
      return binaryEnd(b, o, limit);
    case REGEX:
      return nameEnd(b, nameEnd(b, o, limit) + 1, limit) + 1;
    case DB_POINTER: {
      const end = stringEnd(b, o, limit) + 12;
      if (end > limit) throw invalidDocument('it ends inside a value');
      return end;
    }
    case CODE_WITH_SCOPE:
      return codeWithScopeEnd(b, o, limit);
    default:
      throw invalidDocument(`a value has the unknown type 0x${type.toString(16).padStart(2, '0')}`);
  }
}

/**
 * A value with its name. `nameBytes` is exact. `name` is decoded on each access, and invalid UTF-8
 * in it becomes U+FFFD.
 */
export class NamedElement implements RawElement {
  readonly type: number;
  readonly bytes: Buffer;
  readonly nameBytes: Buffer;
  constructor(type: number, bytes: Buffer, nameBytes: Buffer) {
    this.type = type;
    this.bytes = bytes;
    this.nameBytes = nameBytes;
  }
  get name(): string {
    return this.nameBytes.toString('utf8');
  }
}

/** Yields the fields of a document, or the items of an array, in their order. */
export function* elements(doc: Uint8Array): Generator<NamedElement, void, undefined> {
  const b = asBuffer(doc);
  const limit = documentEnd(b, 0, b.length) - 1;
  let o = 4;
  while (o < limit) {
    const type = b[o]!;
    const zero = nameEnd(b, o + 1, limit);
    const end = payloadEnd(b, type, zero + 1, limit);
    yield new NamedElement(type, b.subarray(zero + 1, end), b.subarray(o + 1, zero));
    o = end;
  }
}

/** True if the bytes from `from` to `to` are exactly that name. */
export function isName(b: Uint8Array, from: number, to: number, name: Uint8Array): boolean {
  if (to - from !== name.length) return false;
  for (let i = 0; i < name.length; i++) if (b[from + i] !== name[i]) return false;
  return true;
}

/** Finds the first field of that name. A name given as bytes need not be valid UTF-8. */
export function findElement(doc: Uint8Array, name: string | Uint8Array): RawElement | undefined {
  const wanted = typeof name === 'string' ? Buffer.from(name, 'utf8') : name;
  const b = asBuffer(doc);
  const limit = documentEnd(b, 0, b.length) - 1;
  let o = 4;
  while (o < limit) {
    const type = b[o]!;
    const zero = nameEnd(b, o + 1, limit);
    const end = payloadEnd(b, type, zero + 1, limit);
    if (isName(b, o + 1, zero, wanted)) return { type, bytes: b.subarray(zero + 1, end) };
    o = end;
  }
  return undefined;
}

/** The place of a value in the bytes that hold it. */
export interface ElementPlace {
  readonly type: number;
  readonly start: number;
  readonly end: number;
}

/** {@link findElement} in a document that starts at `offset` of `b`, without a slice. */
export function locateElement(b: Uint8Array, offset: number, name: Uint8Array): ElementPlace | undefined {
  const limit = documentEnd(b, offset, b.length) - 1;
  let o = offset + 4;
  while (o < limit) {
    const type = b[o]!;
    const zero = nameEnd(b, o + 1, limit);
    const end = payloadEnd(b, type, zero + 1, limit);
    if (isName(b, o + 1, zero, name)) return { type, start: zero + 1, end };
    o = end;
  }
  return undefined;
}

/**
 * Calls `take` with the start and end of each document of an array, in order. Throws
 * DOCUMENT_INVALID if an item is not a document.
 */
export function eachDocument(array: Uint8Array, take: (start: number, end: number) => void): void {
  const limit = documentEnd(array, 0, array.length) - 1;
  let o = 4;
  while (o < limit) {
    if (array[o] !== BsonType.document) throw invalidDocument('an array of documents holds something else');
    const start = nameEnd(array, o + 1, limit) + 1;
    o = documentEnd(array, start, limit);
    take(start, o);
  }
}

/**
 * Checks the structure of the whole document at every depth: types, lengths, terminating zeros,
 * nothing left over. It does not require valid UTF-8, unique names or canonical values, because
 * servers store documents without them.
 */
export function assertDocument(bytes: Uint8Array): void {
  if (documentEnd(bytes, 0, bytes.length) !== bytes.length) throw invalidDocument('bytes follow its end');
  const limits = [bytes.length - 1];
  let o = 4;
  while (limits.length > 0) {
    const limit = limits.at(-1)!;
    if (o === limit) {
      limits.pop();
      o++;
      continue;
    }
    const type = bytes[o]!;
    const start = nameEnd(bytes, o + 1, limit) + 1;
    const end = payloadEnd(bytes, type, start, limit);
    const inner = innerDocument(bytes, type, start, end);
    if (inner < 0) {
      o = end;
      continue;
    }
    if (limits.length >= MAX_DEPTH) throw invalidDocument(`it is nested deeper than ${MAX_DEPTH} levels`);
    limits.push(end - 1);
    o = inner + 4;
  }
}

/** Returns the start of the document inside a value, or -1. The document ends with the value. */
function innerDocument(b: Uint8Array, type: number, start: number, end: number): number {
  if (type === BsonType.document || type === BsonType.array) return start;
  if (type === BsonType.codeWithScope) return stringEnd(b, start + 4, end);
  return -1;
}
