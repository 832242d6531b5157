/**
 * Avro's long: zigzag, then groups of seven bits, the least significant first. JavaScript's shifts
 * cut at 32 bits, so wider numbers are taken apart by arithmetic.
 */

/** Enough for any 64-bit value. */
export const MAX_LONG_BYTES = 10;

/** Below this, doubles hold a number and its zigzag form exactly. Numbers beyond go by bigint. */
const EXACT = 2 ** 51;

/** Writes a safe integer, and returns the offset after it. */
export function writeLong(target: Uint8Array, offset: number, value: number): number {
  if (value >= EXACT || value <= -EXACT) return writeBigLong(target, offset, BigInt(value));
  let at = offset;
  let wide = value >= 0 ? value * 2 : value * -2 - 1;
  while (wide > 0xffff_ffff) {
    target[at++] = (wide % 0x80) | 0x80;
    wide = Math.floor(wide / 0x80);
  }
  let rest = wide >>> 0;
  while (rest > 0x7f) {
    target[at++] = (rest & 0x7f) | 0x80;
    rest >>>= 7;
  }
  target[at++] = rest;
  return at;
}

/** Writes a signed 64-bit value, and returns the offset after it. */
export function writeBigLong(target: Uint8Array, offset: number, value: bigint): number {
  let at = offset;
  let rest = BigInt.asUintN(64, (value << 1n) ^ (value >> 63n));
  while (rest > 0x7fn) {
    target[at++] = Number(rest & 0x7fn) | 0x80;
    rest >>= 7n;
  }
  target[at++] = Number(rest);
  return at;
}

/**
 * Reads forward over a buffer. Every method throws a RangeError at the end of the bytes, or at a
 * value that cannot be right.
 */
export class LongReader {
  readonly bytes: Buffer;
  offset: number;

  constructor(bytes: Buffer, offset = 0) {
    this.bytes = bytes;
    this.offset = offset;
  }

  /** Reads a long that must be a safe integer. */
  long(): number {
    const start = this.offset;
    let shift = 0;
    let low = 0;
    while (shift < 28) {
      const byte = this.#next();
      low |= (byte & 0x7f) << shift;
      if (byte < 0x80) return (low >>> 1) ^ -(low & 1);
      shift += 7;
    }
    // A double is exact up to seven groups. The low bit is the sign.
    let wide = low;
    let scale = 2 ** 28;
    for (; scale < 2 ** 49; scale *= 0x80) {
      const byte = this.#next();
      wide += (byte & 0x7f) * scale;
      if (byte < 0x80) return wide % 2 === 0 ? wide / 2 : -(wide + 1) / 2;
    }
    this.offset = start;
    const value = this.bigLong();
    const number = Number(value);
    if (!Number.isSafeInteger(number)) throw new RangeError('a number beyond 2^53');
    return number;
  }

  bigLong(): bigint {
    let value = 0n;
    for (let shift = 0n; shift < 70n; shift += 7n) {
      const byte = this.#next();
      value |= BigInt(byte & 0x7f) << shift;
      if (byte < 0x80) {
        if (value > 0xffff_ffff_ffff_ffffn) break;
        return (value >> 1n) ^ -(value & 1n);
      }
    }
    throw new RangeError('a number longer than 64 bits');
  }

  /** Reads a long that counts: neither negative nor above `most`. */
  count(most: number): number {
    const value = this.long();
    if (value < 0 || value > most) throw new RangeError(`a length or count of ${value}`);
    return value;
  }

  skip(length: number): void {
    const end = this.offset + length;
    if (length < 0 || end > this.bytes.length) throw new RangeError('a value that ends after its block');
    this.offset = end;
  }

  /** Takes a slice of that many bytes, which shares the memory. */
  take(length: number): Buffer {
    const start = this.offset;
    this.skip(length);
    return this.bytes.subarray(start, this.offset);
  }

  /** Reads Avro `bytes`: a length, then as many bytes. */
  prefixed(): Buffer {
    return this.take(this.long());
  }

  #next(): number {
    const byte = this.bytes[this.offset++];
    if (byte === undefined) throw new RangeError('a value that ends after its block');
    return byte;
  }
}

/** A record takes at least a byte a field. */
const MIN_RECORD_BYTES = 13;

export function assertCount(raw: Buffer, count: number): void {
  if (count * MIN_RECORD_BYTES > raw.length) {
    throw new RangeError(`a block of ${raw.length} bytes that claims ${count} records`);
  }
}

export function assertConsumed(from: LongReader): void {
  if (from.offset !== from.bytes.length) throw new RangeError('a block with bytes after its last record');
}
