/** Builds BSON from typed parts. It copies names and values as they are. */
import { type ClusterTime, clusterTimeToBson } from '../base/position.ts';
import { BsonType, invalidDocument, type RawElement } from './raw.ts';

const NOTHING = Buffer.alloc(0);

export const nullValue: RawElement = { type: BsonType.null, bytes: NOTHING };
export const minKey: RawElement = { type: BsonType.minKey, bytes: NOTHING };
export const maxKey: RawElement = { type: BsonType.maxKey, bytes: NOTHING };

/** Throws RangeError outside of 32 bits. */
export function int32(value: number): RawElement {
  const bytes = Buffer.allocUnsafe(4);
  bytes.writeInt32LE(value);
  return { type: BsonType.int32, bytes };
}

function eightBytes(type: number, value: bigint): RawElement {
  const bytes = Buffer.allocUnsafe(8);
  bytes.writeBigInt64LE(value);
  return { type, bytes };
}

export function int64(value: bigint | number): RawElement {
  return eightBytes(BsonType.int64, BigInt(value));
}

/** Milliseconds since 1970. */
export function date(milliseconds: bigint | number): RawElement {
  return eightBytes(BsonType.date, BigInt(milliseconds));
}

export function double(value: number): RawElement {
  const bytes = Buffer.allocUnsafe(8);
  bytes.writeDoubleLE(value);
  return { type: BsonType.double, bytes };
}

function stringOf(type: number, value: string | Uint8Array): RawElement {
  const text = typeof value === 'string' ? Buffer.from(value, 'utf8') : value;
  const bytes = Buffer.allocUnsafe(text.length + 5);
  bytes.writeInt32LE(text.length + 1);
  bytes.set(text, 4);
  bytes[text.length + 4] = 0;
  return { type, bytes };
}

/** Takes text, or bytes that need not be valid UTF-8. */
export const string = (value: string | Uint8Array): RawElement => stringOf(BsonType.string, value);
export const symbol = (value: string | Uint8Array): RawElement => stringOf(BsonType.symbol, value);
export const code = (value: string | Uint8Array): RawElement => stringOf(BsonType.code, value);

export const boolean = (value: boolean): RawElement => ({
  type: BsonType.boolean,
  bytes: Buffer.from([value ? 1 : 0]),
});

export const timestamp = (time: ClusterTime): RawElement => ({
  type: BsonType.timestamp,
  bytes: clusterTimeToBson(time),
});

export function binary(subtype: number, value: Uint8Array): RawElement {
  const bytes = Buffer.allocUnsafe(value.length + 5);
  bytes.writeInt32LE(value.length);
  bytes[4] = subtype;
  bytes.set(value, 5);
  return { type: BsonType.binary, bytes };
}

export function uuid(bytes: Uint8Array): RawElement {
  if (bytes.length !== 16) throw invalidDocument('a UUID has 16 bytes');
  return binary(4, bytes);
}

export function objectId(bytes: Uint8Array): RawElement {
  if (bytes.length !== 12) throw invalidDocument('an ObjectId has 12 bytes');
  return { type: BsonType.objectId, bytes };
}

/** Makes an embedded document from its bytes, without a copy. */
export const doc = (bytes: Uint8Array): RawElement => ({ type: BsonType.document, bytes });
/** Makes an array from its bytes, without a copy. */
export const array = (bytes: Uint8Array): RawElement => ({ type: BsonType.array, bytes });

/** A field. A name given as bytes need not be valid UTF-8. No name may hold a zero. */
export type Field = readonly [name: string | Uint8Array, value: RawElement];

function nameBytes(name: string | Uint8Array): Uint8Array {
  const bytes = typeof name === 'string' ? Buffer.from(name, 'utf8') : name;
  if (bytes.includes(0)) throw invalidDocument('a field name holds a zero byte');
  return bytes;
}

/**
 * Builds a document of these fields in this order. Names may repeat. Throws DOCUMENT_INVALID for a
 * zero byte in a name.
 */
export function buildDocument(fields: readonly Field[]): Buffer {
  const names = fields.map(([name]) => nameBytes(name));
  let size = 5;
  for (const [index, [, value]] of fields.entries()) size += names[index]!.length + 2 + value.bytes.length;
  const out = Buffer.allocUnsafe(size);
  let o = out.writeInt32LE(size);
  for (const [index, [, value]] of fields.entries()) {
    const name = names[index]!;
    out[o++] = value.type;
    out.set(name, o);
    o += name.length;
    out[o++] = 0;
    out.set(value.bytes, o);
    o += value.bytes.length;
  }
  out[o] = 0;
  return out;
}

/** Builds the bytes of an array of these items. */
export function buildArray(items: readonly RawElement[]): Buffer {
  return buildDocument(items.map((item, index): Field => [String(index), item]));
}

/**
 * The values that {@link fromObject} takes. It leaves an undefined field out, and takes raw
 * elements as they are.
 */
export type Plain =
  | string
  | number
  | bigint
  | boolean
  | null
  | undefined
  | Date
  | RawElement
  | readonly Plain[]
  | { readonly [name: string]: Plain };

function isRawElement(value: object): value is RawElement {
  return 'bytes' in value && value.bytes instanceof Uint8Array;
}

/** A whole number that fits becomes an int32, any other number a double, and a bigint an int64. */
export function fromValue(value: Exclude<Plain, undefined>): RawElement {
  switch (typeof value) {
    case 'string':
      return string(value);
    case 'boolean':
      return boolean(value);
    case 'bigint':
      return int64(value);
    case 'number':
      return (value | 0) === value && !Object.is(value, -0) ? int32(value) : double(value);
  }
  if (value === null) return nullValue;
  if (value instanceof Date) return date(value.getTime());
  if (Array.isArray(value)) return array(buildArray(value.map((item) => fromValue(item ?? null))));
  if (isRawElement(value)) return value;
  return doc(fromObject(value as { readonly [name: string]: Plain }));
}

/**
 * Builds a small, command-like document. Do not use it for users' documents: objects reorder
 * integer-like names.
 */
export function fromObject(object: { readonly [name: string]: Plain }): Buffer {
  const fields: Field[] = [];
  for (const [name, value] of Object.entries(object)) {
    if (value !== undefined) fields.push([name, fromValue(value)]);
  }
  return buildDocument(fields);
}
