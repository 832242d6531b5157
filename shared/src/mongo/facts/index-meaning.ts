/**
 * Tells what the options of an index mean to a server. Servers before 4.2 stored any value that
 * they were given, and acted on it in their own way. Later servers refuse the same value, or read
 * it differently. So the index to make elsewhere is derived from the meaning, never from the bytes.
 * Pure.
 */
import { decodeDecimal128, formatDecimal128 } from '../../bson/decimal128.ts';
import { asBuffer, BsonType, elements, findElement, type RawElement } from '../../bson/raw.ts';
import { readString } from '../../bson/values.ts';

/**
 * The largest expiry that servers take: 68 years. It differs from no expiry: with it, a server
 * deletes a document dated before 1958 within a minute.
 */
export const LARGEST_EXPIRY_SECONDS = 2_147_483_647;
/** A server that takes more than this overflows its milliseconds, and expires nothing. */
const ENDLESS_SECONDS = 2 ** 63 / 1000;

/**
 * none: nothing ever expires. beyond: documents do expire on the server that has the index, but not
 * every server takes that number.
 */
export type Expiry =
  | { readonly kind: 'none' }
  | { readonly kind: 'after'; readonly seconds: number }
  | { readonly kind: 'beyond'; readonly seconds: number };

const NONE: Expiry = { kind: 'none' };

/**
 * The expiry that an index causes. Servers expire only by indexes of one ordinary field; on any
 * other index the option does nothing. `acts` is false if the server itself deletes nothing from
 * that collection.
 */
export function expiryOf(index: Uint8Array, acts = true): Expiry {
  const given = findElement(index, 'expireAfterSeconds');
  const number = given && numberOf(given);
  if (!acts || number === undefined || Number.isNaN(number) || !hasOrdinaryKey(index)) return NONE;
  const seconds = Math.trunc(number) || 0;
  if (Math.abs(seconds) >= ENDLESS_SECONDS) return NONE;
  return { kind: seconds < 0 || seconds > LARGEST_EXPIRY_SECONDS ? 'beyond' : 'after', seconds };
}

/**
 * True for one field, rising or falling. If collMod gives any other index an expiry, the server
 * refuses it, or crashes (8.2, wildcard).
 */
function hasOrdinaryKey(index: Uint8Array): boolean {
  const [field, ...others] = keyOf(index);
  if (!field || others.length > 0 || numberOf(field) === undefined) return false;
  return !field.name.split('.').includes('$**');
}

/**
 * True for `{_id: 1}` in any type of number. Any other index on `_id` alone (`2`, `0.5`, hashed) is
 * an ordinary one.
 */
export function isIdIndex(index: Uint8Array): boolean {
  const [field, ...others] = keyOf(index);
  return field?.name === '_id' && others.length === 0 && numberOf(field) === 1;
}

/** No server from 5.0 on has such an index. `bucketSize` beside another key means nothing. */
export function isHaystack(index: Uint8Array): boolean {
  return keyOf(index).some((field) => field.type === BsonType.string && readString(field) === 'geoHaystack');
}

function keyOf(index: Uint8Array) {
  const key = findElement(index, 'key');
  return key ? [...elements(key.bytes)] : [];
}

/**
 * Reads a flag as servers do: absent, null, false and zero mean no, and everything else means yes.
 */
export function isYes(element: RawElement | undefined): boolean {
  if (!element || element.type === BsonType.null || element.type === BsonType.undefined) return false;
  return element.type === BsonType.boolean ? element.bytes[0] !== 0 : numberOf(element) !== 0;
}

/** The value of any type of number; undefined for other types. A number beyond 2^53 is rounded. */
export function numberOf({ type, bytes }: RawElement): number | undefined {
  const buffer = asBuffer(bytes);
  if (type === BsonType.int32) return buffer.readInt32LE(0);
  if (type === BsonType.int64) return Number(buffer.readBigInt64LE(0));
  if (type === BsonType.double) return buffer.readDoubleLE(0);
  if (type === BsonType.decimal128) return Number(formatDecimal128(decodeDecimal128(buffer)));
  return undefined;
}
