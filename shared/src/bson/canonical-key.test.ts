import { SAMPLES } from '@waybill/test/support/bson/samples';
import { Decimal128 } from 'bson';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import * as build from './build.ts';
import { canonicalKey, laneOf } from './canonical-key.ts';
import { BsonType, type RawElement } from './raw.ts';

const decimal = (text: string): RawElement => ({
  type: BsonType.decimal128,
  bytes: Decimal128.fromString(text).bytes,
});
const { int32, int64, double, string, symbol, doc, array } = build;
const nan = (hex: string): RawElement => ({ type: BsonType.double, bytes: Buffer.from(hex, 'hex') });
const x = (value: RawElement): RawElement => doc(build.fromObject({ x: value }));

// Each list is one class of equal keys, as _id indexes of MongoDB 8.2 treat them.
const CLASSES: readonly (readonly RawElement[])[] = [
  [int32(1), int64(1), double(1), decimal('1'), decimal('1.00'), decimal('10E-1')],
  [int32(-1), int64(-1), double(-1), decimal('-1.0')],
  [int32(0), int64(0), double(0), double(-0), decimal('0'), decimal('-0E+3'), decimal('0E-6176')],
  [double(Number.NaN), nan('010000000000f87f'), nan('000000000000f8ff'), decimal('NaN'), decimal('-NaN')],
  [double(Infinity), decimal('Infinity')],
  [double(-Infinity), decimal('-Infinity')],
  [double(0.5), decimal('0.5'), decimal('0.500')],
  [double(0.1)],
  [decimal('0.1')],
  [decimal('0.1000000000000000055511151231257827')],
  [int64(2n ** 53n), double(2 ** 53), decimal('9007199254740992')],
  [int64(2n ** 53n + 1n), decimal('9007199254740993')],
  [int64(2n ** 63n - 1n), decimal('9223372036854775807')],
  [double(2 ** 63), decimal('9223372036854775808')],
  [int64(-(2n ** 63n)), double(-(2 ** 63)), decimal('-9223372036854775808')],
  [decimal('1E25')],
  [double(1e25), decimal('10000000000000000905969664')],
  [decimal('1E22'), double(1e22)],
  [decimal('1E6144')],
  [decimal('1E-6176'), decimal('1E-6176')],
  [double(5e-324)],
  [double(2 ** -40), decimal('9.094947017729282379150390625E-13')],
  [string('a'), symbol('a')],
  [build.code('a')],
  [x(string('a')), x(symbol('a'))],
  [x(int32(1)), x(double(1)), x(decimal('1.0'))],
  [x(x(int32(1))), x(x(int64(1)))],
  [x(array(build.buildArray([int32(1)]))), x(array(build.buildArray([double(1)])))],
  [x(array(build.buildArray([]))), x(array(build.buildArray([])))],
  [x(doc(build.fromObject({})))],
  [doc(build.fromObject({ a: 1, b: 2 })), doc(build.fromObject({ a: 1n, b: 2 }))],
  [doc(build.fromObject({ b: 2, a: 1 }))],
  [doc(build.fromObject({ a: 1, c: 2 }))],
  [doc(build.fromObject({ a: { b: 2 } }))],
  [doc(build.fromObject({}))],
  [build.binary(0, Buffer.from('aa'))],
  [build.binary(5, Buffer.from('aa'))],
  [build.date(0)],
  [build.timestamp(0n)],
  [build.nullValue],
  [build.minKey],
  [build.maxKey],
  [build.boolean(true)],
  [build.boolean(false)],
];

describe('canonicalKey', () => {
  test('equal within a class, different between classes; lanes agree', () => {
    const seen = new Map<string, number>();
    for (const [index, members] of CLASSES.entries()) {
      const keys = new Set(members.map(canonicalKey));
      expect(keys.size, `class ${index}`).toBe(1);
      const [key] = keys;
      expect(seen.get(key!), `class ${index}`).toBeUndefined();
      seen.set(key!, index);
      expect(new Set(members.map((member) => laneOf('db.c', member, 1 << 30))).size).toBe(1);
    }
  });

  test('a coefficient beyond 34 digits is a zero', () => {
    const beyond = Buffer.alloc(16, 0xff);
    beyond.writeUInt16LE(0x3041, 14);
    const nonCanonical = Buffer.alloc(16);
    nonCanonical.writeUInt16LE(0x6c10, 14);
    for (const bytes of [beyond, nonCanonical]) {
      expect(canonicalKey({ type: BsonType.decimal128, bytes })).toBe(canonicalKey(int32(0)));
    }
  });

  test('any double and the decimal of its exact digits agree where the decimal can hold it', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: -(2 ** 50), max: 2 ** 50 }),
        fc.integer({ min: -30, max: 30 }),
        (m, e) => {
          const value = m * 2 ** e;
          const digits = e >= 0 ? BigInt(m) << BigInt(e) : BigInt(m) * 5n ** BigInt(-e);
          if (digits.toString().replace('-', '').length > 34) return;
          const exact = decimal(`${digits}E${Math.min(e, 0)}`);
          expect(canonicalKey(exact)).toBe(canonicalKey(double(value)));
        },
      ),
    );
  });

  test('every int64 agrees with its decimal', () => {
    fc.assert(
      fc.property(fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }), (n) => {
        expect(canonicalKey(decimal(String(n)))).toBe(canonicalKey(int64(n)));
      }),
    );
  });
});

describe('laneOf', () => {
  // These values are part of the bucket format. A change here breaks every stream that exists.
  test('golden values', () => {
    const lanes = Object.fromEntries(
      Object.entries(SAMPLES).map(([name, id]) => [name, laneOf('shop.orders', id, 0xffff_ffff)]),
    );
    expect(lanes).toMatchInlineSnapshot(`
      {
        "ancientDate": 711475137,
        "array": 2162004563,
        "binary": 4009606562,
        "code": 3374405755,
        "codeWithScope": 2789750695,
        "date": 3110399428,
        "dbPointer": 246281065,
        "decimal": 1119037608,
        "document": 1995886847,
        "double": 1119037608,
        "emptyBinary": 3869437556,
        "emptyDocument": 2945137502,
        "emptyString": 2090324614,
        "false": 413948080,
        "infinity": 3721064056,
        "int32": 1991142007,
        "int64": 3083215302,
        "maxKey": 885281708,
        "minKey": 1752594899,
        "negativeZero": 703853661,
        "null": 993648921,
        "objectId": 3972056119,
        "oldBinary": 858437029,
        "regex": 4056515875,
        "string": 2392739010,
        "subnormal": 340797878,
        "symbol": 2715882376,
        "timestamp": 87582487,
        "true": 2004242137,
        "undefined": 3282232629,
        "uuid": 2796162386,
        "zeroTimestamp": 1794751837,
      }
    `);
    expect([
      laneOf('shop.orders', null, 0xffff_ffff),
      laneOf('shop.ördérs', string('ä'), 0xffff_ffff),
      laneOf('shop.orders', decimal('0.1'), 0xffff_ffff),
      laneOf('shop.orders', double(0.1), 0xffff_ffff),
      laneOf('shop.orders', build.int32(1), 16),
    ]).toMatchInlineSnapshot(`
      [
        2343050717,
        3149586355,
        4202853874,
        2199912324,
        8,
      ]
    `);
  });

  test('the hash is FNV-1a, then fmix32: checked on its own arithmetic', () => {
    let h = 0x811c9dc5n;
    for (const byte of Buffer.from('db.c\0\x12\x01\0\0\0\0\0\0\0', 'latin1'))
      h = ((h ^ BigInt(byte)) * 0x01000193n) & 0xffff_ffffn;
    for (const [shift, factor] of [
      [16n, 0x85ebca6bn],
      [13n, 0xc2b2ae35n],
      [16n, 1n],
    ] as const) {
      h = ((h ^ (h >> shift)) * factor) & 0xffff_ffffn;
    }
    expect(laneOf('db.c', double(1), 0xffff_ffff)).toBe(Number(h % 0xffff_ffffn));
  });

  test('what is hashed in place agrees with the canonical key', () => {
    for (const [id, same] of [
      [int32(-5), int64(-5)],
      [int32(2 ** 31 - 1), int64(2n ** 31n - 1n)],
      [string('x'), symbol('x')],
    ] as const) {
      expect(laneOf('a.b', id, 1 << 30)).toBe(laneOf('a.b', same, 1 << 30));
    }
  });

  test('spreads consecutive ids evenly', () => {
    const counts = new Array<number>(16).fill(0);
    for (let n = 0; n < 16_000; n++) counts[laneOf('shop.orders', int32(n), 16)]!++;
    expect(Math.min(...counts)).toBeGreaterThan(800);
    expect(Math.max(...counts)).toBeLessThan(1200);
  });
});
