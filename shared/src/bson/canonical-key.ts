/**
 * Encodes an `_id` as a canonical key: two `_id`s that a server treats as one have the same bytes.
 * The document's lane follows from the key (bucket format BF-12). THE ENCODING AND THE HASH ARE
 * PART OF THE BUCKET FORMAT: changing either sends one document into two lanes.
 *
 * Seen on MongoDB 8.2: numbers are one key if they are equal as exact numbers, whatever their types
 * and at any depth (1 = 1.0 = Decimal 1.00, -0 = 0, all NaNs are one). But Double 0.1 is not
 * Decimal 0.1. A symbol equals the string of the same bytes. Embedded documents differ by the order
 * and the names of their fields. Everything else compares as stored.
 *
 * A value is encoded as a type byte, then its payload. A number takes the first of the types int64,
 * double, decimal128 that holds it exactly. An embedded document or array is encoded as its items,
 * then a zero byte. An item is a type byte, its name and a zero (not in an array), then its
 * payload. The encoding has no length, because the encoded parts differ in length from the stored
 * ones. All other values are verbatim.
 */
import { decodeDecimal128 } from './decimal128.ts';
import {
  asBuffer,
  BsonType,
  documentSize,
  invalidDocument,
  MAX_DEPTH,
  nameEnd,
  payloadEnd,
  type RawElement,
} from './raw.ts';

/**
 * Two elements have the same canonical key exactly when a server treats them as the same `_id`
 * (simple collation).
 */
export function canonicalKey(id: RawElement): string {
  const { type } = id;
  const bytes = asBuffer(id.bytes);
  if (type === BsonType.objectId) return `\x07${bytes.toString('latin1')}`;
  if (type === BsonType.string || type === BsonType.symbol) return `\x02${bytes.toString('latin1')}`;
  return Buffer.concat(encode(id)).toString('latin1');
}

function encode(element: RawElement): Uint8Array[] {
  const parts: Uint8Array[] = [];
  encodeInto(parts, element.type, asBuffer(element.bytes), EMPTY, 0);
  return parts;
}

const EMPTY = Buffer.alloc(0);
const ZERO = Buffer.alloc(1);

function encodeInto(parts: Uint8Array[], type: number, bytes: Buffer, name: Buffer, depth: number): void {
  switch (type) {
    case BsonType.int32:
    case BsonType.int64:
    case BsonType.double:
    case BsonType.decimal128: {
      const number = canonicalNumber(type, bytes);
      if (name.length === 0) parts.push(number);
      else parts.push(number.subarray(0, 1), name, number.subarray(1));
      return;
    }
    case BsonType.symbol:
      parts.push(TYPES[BsonType.string]!, name, bytes);
      return;
    case BsonType.document:
    case BsonType.array:
      parts.push(TYPES[type]!, name);
      encodeItems(parts, bytes, type === BsonType.document, depth);
      return;
    case BsonType.codeWithScope: {
      const scope = 8 + bytes.readInt32LE(4);
      parts.push(TYPES[type]!, name, bytes.subarray(4, scope));
      encodeItems(parts, bytes.subarray(scope), true, depth);
      return;
    }
    default:
      parts.push(TYPES[type]!, name, bytes);
  }
}

/** A one-byte array for every type byte, so that encoding allocates none. */
const TYPES: readonly Uint8Array[] = Array.from({ length: 256 }, (_, type) => Uint8Array.of(type));

function encodeItems(parts: Uint8Array[], document: Buffer, named: boolean, depth: number): void {
  if (depth >= MAX_DEPTH) throw invalidDocument(`it is nested deeper than ${MAX_DEPTH} levels`);
  const limit = documentSize(document) - 1;
  let o = 4;
  while (o < limit) {
    const type = document[o]!;
    const start = nameEnd(document, o + 1, limit) + 1;
    const end = payloadEnd(document, type, start, limit);
    const name = named ? document.subarray(o + 1, start) : EMPTY;
    encodeInto(parts, type, document.subarray(start, end), name, depth + 1);
    o = end;
  }
  parts.push(ZERO);
}

function canonicalNumber(type: number, bytes: Buffer): Buffer {
  if (type === BsonType.int32) return int32Key(bytes);
  if (type === BsonType.int64) return int64Key(bytes.readBigInt64LE(0));
  if (type === BsonType.double) return doubleKey(bytes.readDoubleLE(0));
  return decimalKey(bytes);
}

function int32Key(bytes: Buffer): Buffer {
  const key = Buffer.allocUnsafe(9).fill(bytes[3]! > 0x7f ? 0xff : 0);
  key[0] = BsonType.int64;
  key.set(bytes, 1);
  return key;
}

function int64Key(value: bigint): Buffer {
  const key = Buffer.allocUnsafe(9);
  key[0] = BsonType.int64;
  key.writeBigInt64LE(value, 1);
  return key;
}

const TWO_63 = 2 ** 63;

function doubleKey(value: number): Buffer {
  if (Number.isInteger(value) && value >= -TWO_63 && value < TWO_63) return int64Key(BigInt(value));
  const key = Buffer.allocUnsafe(9);
  key[0] = BsonType.double;
  // Writing a NaN may keep its payload. So this writes the same bits for all NaNs.
  if (Number.isNaN(value)) key.writeBigUInt64LE(0x7ff8_0000_0000_0000n, 1);
  else key.writeDoubleLE(value, 1);
  return key;
}

/** 5^22 < 2^53 < 5^23, and a coefficient below 10^34 has fewer than 49 factors of five. */
const MAX_POSITIVE_EXPONENT = 22;
const MAX_NEGATIVE_EXPONENT = 48;

function decimalKey(bytes: Buffer): Buffer {
  const decimal = decodeDecimal128(bytes);
  if (decimal.kind === 'nan') return doubleKey(Number.NaN);
  if (decimal.kind === 'infinity') return doubleKey(decimal.negative ? -Infinity : Infinity);
  let { coefficient, exponent } = decimal;
  if (coefficient === 0n) return int64Key(0n);
  while (coefficient % 10n === 0n) {
    coefficient /= 10n;
    exponent++;
  }
  const signed = decimal.negative ? -coefficient : coefficient;
  if (exponent >= 0 && exponent < 19) {
    const value = signed * 10n ** BigInt(exponent);
    if (BigInt.asIntN(64, value) === value) return int64Key(value);
  }
  const exact = exactDouble(signed, exponent);
  return exact === undefined ? wideDecimalKey(decimal.negative, coefficient, exponent) : doubleKey(exact);
}

/**
 * Returns the double that is exactly `coefficient` x 10^`exponent`, or undefined if there is none.
 * The coefficient must not be a multiple of ten.
 */
function exactDouble(coefficient: bigint, exponent: number): number | undefined {
  if (exponent > MAX_POSITIVE_EXPONENT + 34 || exponent < -MAX_NEGATIVE_EXPONENT) return undefined;
  if (exponent >= 0) {
    const value = coefficient * 10n ** BigInt(exponent);
    const double = Number(value);
    return BigInt(double) === value ? double : undefined;
  }
  const fives = 5n ** BigInt(-exponent);
  if (coefficient % fives !== 0n) return undefined;
  const numerator = coefficient / fives;
  const double = Number(numerator);
  return BigInt(double) === numerator ? double / 2 ** -exponent : undefined;
}

/**
 * Encodes a type byte, the sign, the exponent of ten (int16) and the coefficient without trailing
 * zeros (16 bytes, little-endian).
 */
function wideDecimalKey(negative: boolean, coefficient: bigint, exponent: number): Buffer {
  const key = Buffer.alloc(20);
  key[0] = BsonType.decimal128;
  key[1] = negative ? 1 : 0;
  key.writeInt16LE(exponent, 2);
  key.writeBigUInt64LE(coefficient & 0xffff_ffff_ffff_ffffn, 4);
  key.writeBigUInt64LE(coefficient >> 64n, 12);
  return key;
}

// 32-bit FNV-1a (Fowler, Noll, Vo), then the finaliser of MurmurHash3 (fmix32, Appleby). The
// modulus uses the low bits, and FNV-1a alone makes those depend on the low bits of the input only.
const FNV_OFFSET = 0x811c9dc5 | 0;
const FNV_PRIME = 0x01000193;

function hashBytes(hash: number, bytes: Uint8Array): number {
  let h = hash;
  for (let i = 0; i < bytes.length; i++) h = Math.imul(h ^ bytes[i]!, FNV_PRIME);
  return h;
}

function hashText(hash: number, text: string): number {
  let h = hash;
  for (let i = 0; i < text.length; i++) {
    const unit = text.charCodeAt(i);
    if (unit > 0x7f) return hashBytes(hash, Buffer.from(text, 'utf8'));
    h = Math.imul(h ^ unit, FNV_PRIME);
  }
  return h;
}

function hashKey(hash: number, id: RawElement): number {
  const { type, bytes } = id;
  if (type === BsonType.objectId) return hashBytes(Math.imul(hash ^ type, FNV_PRIME), bytes);
  if (type === BsonType.string || type === BsonType.symbol) {
    return hashBytes(Math.imul(hash ^ BsonType.string, FNV_PRIME), bytes);
  }
  if (type === BsonType.int32) {
    let h = hashBytes(Math.imul(hash ^ BsonType.int64, FNV_PRIME), bytes);
    const sign = bytes[3]! > 0x7f ? 0xff : 0;
    for (let i = 0; i < 4; i++) h = Math.imul(h ^ sign, FNV_PRIME);
    return h;
  }
  return encode(id).reduce(hashBytes, hash);
}

function fmix32(hash: number): number {
  let h = hash;
  h = Math.imul(h ^ (h >>> 16), 0x85ebca6b);
  h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35);
  return (h ^ (h >>> 16)) >>> 0;
}

/**
 * Returns the lane of a document: 0 to `lanes` - 1. `id` null puts the whole collection into one
 * lane (collations, capped). The hash covers the namespace in UTF-8, a zero byte, and the canonical
 * key.
 */
export function laneOf(namespace: string, id: RawElement | null, lanes: number): number {
  const start = namespaceHash(namespace);
  return laneOfHash(id === null ? start : hashKey(start, id), lanes);
}

/**
 * The hash of every document in the collection starts from this. It is the whole hash of a
 * collection that goes to one lane.
 */
export function namespaceHash(namespace: string): number {
  return Math.imul(hashText(FNV_OFFSET, namespace), FNV_PRIME);
}

/**
 * Hashes the document whose `_id` has that type and lies in `b` from `start` to `end`. The hash is
 * a signed 32-bit number.
 */
export function documentHash(
  ofNamespace: number,
  type: number,
  b: Uint8Array,
  start: number,
  end: number,
): number {
  if (type === BsonType.objectId) {
    let h = Math.imul(ofNamespace ^ type, FNV_PRIME);
    for (let i = start; i < end; i++) h = Math.imul(h ^ b[i]!, FNV_PRIME);
    return h;
  }
  return hashKey(ofNamespace, { type, bytes: b.subarray(start, end) });
}

export function laneOfHash(hash: number, lanes: number): number {
  return fmix32(hash) % lanes;
}
