import { EVERYTHING } from '@waybill/test/support/bson/samples';
import { Double, deserialize, Int32, Long, serialize, Timestamp } from 'bson';
import { describe, expect, test } from 'vitest';
import { clusterTime } from '../base/position.ts';
import * as build from './build.ts';
import { asBuffer, findElement } from './raw.ts';
import * as values from './values.ts';

test('makes the same bytes as the bson package', () => {
  const when = new Date(1_700_000_000_123);
  expect(
    build.fromObject({
      a: 1,
      b: 1.5,
      c: -0,
      d: 2n ** 40n,
      e: 'ü',
      f: [true, null, when],
      g: { h: {} },
      i: undefined,
    }),
  ).toEqual(
    serialize({
      a: new Int32(1),
      b: 1.5,
      c: new Double(-0),
      d: Long.fromBigInt(2n ** 40n),
      e: 'ü',
      f: [true, null, when],
      g: { h: {} },
    }),
  );
  expect(build.buildDocument([['t', build.timestamp(clusterTime(7, 9))]])).toEqual(
    serialize({ t: new Timestamp({ t: 7, i: 9 }) }),
  );
});

test('raw elements go into a plain object as they are', () => {
  const made = build.fromObject({ inner: build.doc(EVERYTHING), low: build.minKey });
  expect(findElement(made, 'inner')?.bytes).toEqual(EVERYTHING);
});

test('a document of every type is read by the bson package', () => {
  expect(() => deserialize(EVERYTHING)).not.toThrow();
});

test('a zero byte in a name is refused', () => {
  expect(() => build.buildDocument([['a\0b', build.nullValue]])).toThrow(
    expect.objectContaining({ code: 'DOCUMENT_INVALID' }),
  );
});

describe('values', () => {
  test('come back', () => {
    expect(values.readString(build.string('aä'))).toBe('aä');
    expect(values.readInt64(build.int64(2n ** 63n - 1n))).toBe(2n ** 63n - 1n);
    expect(values.readInt64(build.int32(-5))).toBe(-5n);
    expect(values.readNumber(build.double(1.5))).toBe(1.5);
    expect(values.readNumber(build.int64(7))).toBe(7);
    expect(build.boolean(true).bytes).toEqual(Buffer.of(1));
    expect(asBuffer(build.date(-5).bytes).readBigInt64LE(0)).toBe(-5n);
    const time = clusterTime(4_000_000_000, 9);
    expect(asBuffer(build.timestamp(time).bytes).readBigUInt64LE(0)).toBe(time);
    expect(values.readUuid(build.uuid(Buffer.alloc(16, 3)))).toEqual(Buffer.alloc(16, 3));
    expect(values.readBinary(build.binary(6, Buffer.of(1)))).toEqual({ subtype: 6, bytes: Buffer.of(1) });
  });

  test('of another type, or missing, are refused', () => {
    const invalid = expect.objectContaining({ code: 'DOCUMENT_INVALID' });
    expect(() => values.readString(build.int32(1))).toThrow(invalid);
    expect(() => values.readString(undefined)).toThrow(invalid);
    expect(() => values.readUuid(build.binary(4, Buffer.alloc(15)))).toThrow(invalid);
  });
});
