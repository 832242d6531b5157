/**
 * Reads the values of single raw elements. Each reader throws DOCUMENT_INVALID if the element has
 * another type.
 */
import { asBuffer, BsonType, invalidDocument, type RawElement } from './raw.ts';

function expectType(el: RawElement | undefined, ...types: readonly number[]): Buffer {
  if (el === undefined) throw invalidDocument('a field is missing');
  if (!types.includes(el.type))
    throw invalidDocument(`a field has the unexpected type 0x${el.type.toString(16)}`);
  return asBuffer(el.bytes);
}

/**
 * Reads the text of a string or symbol. Invalid UTF-8 becomes U+FFFD: use the bytes if that
 * matters.
 */
export function readString(el: RawElement | undefined): string {
  const bytes = expectType(el, BsonType.string, BsonType.symbol);
  return bytes.toString('utf8', 4, bytes.length - 1);
}

/** Reads an int64 or int32 exactly. */
export function readInt64(el: RawElement | undefined): bigint {
  const bytes = expectType(el, BsonType.int64, BsonType.int32);
  return bytes.length === 4 ? BigInt(bytes.readInt32LE(0)) : bytes.readBigInt64LE(0);
}

/**
 * Reads any number but a decimal as a JavaScript number. It is meant for counts and flags in the
 * server's replies.
 */
export function readNumber(el: RawElement | undefined): number {
  const bytes = expectType(el, BsonType.int32, BsonType.int64, BsonType.double);
  if (el?.type === BsonType.double) return bytes.readDoubleLE(0);
  return Number(readInt64(el));
}

export function readBinary(el: RawElement | undefined): { readonly subtype: number; readonly bytes: Buffer } {
  const bytes = expectType(el, BsonType.binary);
  return { subtype: bytes[4]!, bytes: bytes.subarray(5) };
}

/** Reads the 16 bytes of a UUID (binary subtype 4). */
export function readUuid(el: RawElement | undefined): Buffer {
  const { subtype, bytes } = readBinary(el);
  if (subtype !== 4 || bytes.length !== 16) throw invalidDocument('a field that should be a UUID is not one');
  return bytes;
}

/** Reads the BSON date at `at`: milliseconds since 1970. Beyond 2^53 the number is not exact. */
export function millisecondsAt(source: Buffer, at: number): number {
  return source.readInt32LE(at + 4) * 2 ** 32 + source.readUInt32LE(at);
}
