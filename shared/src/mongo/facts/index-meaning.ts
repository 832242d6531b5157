/**
 * What the options of an index mean to a server. Servers before 4.2 stored whatever they were
 * given, and acted on it in their own way; later ones refuse the same value or read it differently.
 * So what an index is to be elsewhere is derived from the meaning, never from the bytes. Pure.
 */
import { decodeDecimal128, formatDecimal128 } from '../../bson/decimal128.ts';
import { asBuffer, BsonType, elements, findElement, type RawElement } from '../../bson/raw.ts';
import { readString } from '../../bson/values.ts';

/**
 * The largest expiry that servers take: 68 years. It is not the same as none: a document that is
 * dated before 1958 is gone with it within a minute.
 */
export const LARGEST_EXPIRY_SECONDS = 2_147_483_647;
/** Beyond this a server that takes more overflows its milliseconds, and expires nothing. */
const ENDLESS_SECONDS = 2 ** 63 / 1000;

/**
 * none: nothing ever expires. beyond: documents do expire where the index is, and not every
 * server takes that number.
 */
export type Expiry =
  | { readonly kind: 'none' }
  | { readonly kind: 'after'; readonly seconds: number }
  | { readonly kind: 'beyond'; readonly seconds: number };

const NONE: Expiry = { kind: 'none' };

/**
 * Of an index: servers expire by indexes of one ordinary field alone, whatever the others say.
 * `acts` is false where the server deletes nothing of that collection by itself.
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
 * One field, rising or falling. Giving any other an expiry by collMod is refused, or ends
 * the server (8.2, wildcard).
 */
function hasOrdinaryKey(index: Uint8Array): boolean {
  const [field, ...others] = keyOf(index);
  if (!field || others.length > 0 || numberOf(field) === undefined) return false;
  return !field.name.split('.').includes('$**');
}

/**
 * `{_id: 1}` in any type of number. What else stands on `_id` alone (`2`, `0.5`,
 * hashed) is an index like others.
 */
export function isIdIndex(index: Uint8Array): boolean {
  const [field, ...others] = keyOf(index);
  return field?.name === '_id' && others.length === 0 && numberOf(field) === 1;
}

/** No server from 5.0 on has such an index. `bucketSize` beside another key says nothing. */
export function isHaystack(index: Uint8Array): boolean {
  return keyOf(index).some((field) => field.type === BsonType.string && readString(field) === 'geoHaystack');
}

function keyOf(index: Uint8Array) {
  const key = findElement(index, 'key');
  return key ? [...elements(key.bytes)] : [];
}

/** As servers read a flag: nothing, null and zero are a no, and everything else is a yes. */
export function isYes(element: RawElement | undefined): boolean {
  if (!element || element.type === BsonType.null || element.type === BsonType.undefined) return false;
  return element.type === BsonType.boolean ? element.bytes[0] !== 0 : numberOf(element) !== 0;
}

/** Of every type of number; undefined for what is none. A number beyond 2^53 is rounded. */
export function numberOf({ type, bytes }: RawElement): number | undefined {
  const buffer = asBuffer(bytes);
  if (type === BsonType.int32) return buffer.readInt32LE(0);
  if (type === BsonType.int64) return Number(buffer.readBigInt64LE(0));
  if (type === BsonType.double) return buffer.readDoubleLE(0);
  if (type === BsonType.decimal128) return Number(formatDecimal128(decodeDecimal128(buffer)));
  return undefined;
}
