import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { LongReader, MAX_LONG_BYTES, writeBigLong, writeLong } from './varint.ts';

const EDGES = [0, 1, -1, 63, 64, -64, -65, 2 ** 27, 2 ** 28, 2 ** 31, 2 ** 32, 2 ** 48, 2 ** 50, 2 ** 51]
  .flatMap((edge) => [edge - 1, edge, edge + 1, -edge - 1, -edge, -edge + 1])
  .concat([Number.MAX_SAFE_INTEGER, Number.MIN_SAFE_INTEGER])
  .map((value) => value + 0);

const long = (value: number): Buffer => {
  const bytes = Buffer.alloc(MAX_LONG_BYTES);
  return bytes.subarray(0, writeLong(bytes, 0, value));
};

const bigLong = (value: bigint): Buffer => {
  const bytes = Buffer.alloc(MAX_LONG_BYTES);
  return bytes.subarray(0, writeBigLong(bytes, 0, value));
};

describe('Avro longs', () => {
  it('are the same from a number as from a bigint, and come back', () => {
    const check = (value: number): void => {
      expect(long(value)).toEqual(bigLong(BigInt(value)));
      expect(new LongReader(long(value)).long() === value).toBe(true);
      expect(new LongReader(long(value)).bigLong()).toBe(BigInt(value));
    };
    for (const edge of EDGES) check(edge);
    fc.assert(fc.property(fc.maxSafeInteger(), check));
  });

  it('of 64 bits come back as bigints', () => {
    fc.assert(
      fc.property(fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }), (value) => {
        expect(new LongReader(bigLong(value)).bigLong()).toBe(value);
      }),
    );
  });

  it('beyond 2^53 are refused as numbers, longer than 64 bits altogether', () => {
    expect(() => new LongReader(bigLong(2n ** 53n)).long()).toThrow(RangeError);
    expect(() => new LongReader(bigLong(-(2n ** 63n))).long()).toThrow(RangeError);
    expect(() => new LongReader(Buffer.alloc(11, 0xff)).bigLong()).toThrow(RangeError);
    expect(() => new LongReader(Buffer.from('ffffffffffffffffff7f', 'hex')).bigLong()).toThrow(RangeError);
    expect(() => new LongReader(Buffer.alloc(3, 0xff)).long()).toThrow(RangeError);
  });
});
