import { EVERYTHING, SAMPLES } from '@waybill/test/support/bson/samples';
import { Decimal128, EJSON } from 'bson';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  array,
  binary,
  buildDocument,
  code,
  doc,
  double,
  fromObject,
  int32,
  nullValue,
  string,
} from './build.ts';
import { decodeDecimal128, encodeDecimal128, formatDecimal128, parseDecimal128 } from './decimal128.ts';
import { extendedJson, fromExtendedJson, toCanonicalExtendedJson } from './ejson.ts';
import { BsonType, MAX_DEPTH, type RawElement } from './raw.ts';

const roundTrips = (document: Uint8Array): boolean => extendedJson(document).exact;

const invalid = expect.objectContaining({ code: 'DOCUMENT_INVALID' });
const of = (value: RawElement): Buffer => buildDocument([['x', value]]);

/** Canonical forms as the specification of Extended JSON v2 gives them. */
const FORMS: Readonly<Record<string, string>> = {
  double: '{"$numberDouble":"1.0"}',
  negativeZero: '{"$numberDouble":"-0.0"}',
  infinity: '{"$numberDouble":"-Infinity"}',
  subnormal: '{"$numberDouble":"5e-324"}',
  string: '"ä\\u0000€"',
  emptyString: '""',
  document: '{"b":{"$numberInt":"1"},"2":null,"1":null}',
  emptyDocument: '{}',
  array: '[{"$numberInt":"1"},"x",[]]',
  binary: '{"$binary":{"base64":"AP8Q","subType":"00"}}',
  emptyBinary: '{"$binary":{"base64":"","subType":"80"}}',
  oldBinary: '{"$binary":{"base64":"qrs=","subType":"02"}}',
  uuid: '{"$binary":{"base64":"ABEiM0RVZneImaq7zN3u/w==","subType":"04"}}',
  undefined: '{"$undefined":true}',
  objectId: '{"$oid":"0102030405060708090a0b0c"}',
  true: 'true',
  false: 'false',
  date: '{"$date":{"$numberLong":"1700000000123"}}',
  ancientDate: '{"$date":{"$numberLong":"-9223372036854775808"}}',
  null: 'null',
  regex: '{"$regularExpression":{"pattern":"^a","options":"im"}}',
  dbPointer: '{"$dbPointer":{"$ref":"db.c","$id":{"$oid":"0102030405060708090a0b0c"}}}',
  code: '{"$code":"f()"}',
  symbol: '{"$symbol":"s"}',
  codeWithScope: '{"$code":"f()","$scope":{"x":{"$numberInt":"1"}}}',
  int32: '{"$numberInt":"-7"}',
  timestamp: '{"$timestamp":{"t":7,"i":9}}',
  zeroTimestamp: '{"$timestamp":{"t":0,"i":0}}',
  int64: '{"$numberLong":"4611686018427387905"}',
  decimal: '{"$numberDecimal":"1.00"}',
  minKey: '{"$minKey":1}',
  maxKey: '{"$maxKey":1}',
};

describe('every type', () => {
  test.each(Object.entries(SAMPLES))('%s', (name, value) => {
    const text = `{"x":${FORMS[name]}}`;
    expect(extendedJson(of(value))).toEqual({ text, exact: true });
    expect(fromExtendedJson(text)).toEqual(of(value));
  });

  test('all together, nested and in an array', () => {
    const inner = array(EVERYTHING);
    expect(
      roundTrips(
        buildDocument([
          ['a', doc(EVERYTHING)],
          ['b', int32(1)],
        ]),
      ),
    ).toBe(true);
    // The names of the items are not 0, 1, 2. The array can be shown, but not given back.
    expect(extendedJson(of(inner)).exact).toBe(false);
  });

  test('the bson package reads the text as the same values', () => {
    const parsed = EJSON.parse(toCanonicalExtendedJson(EVERYTHING), { relaxed: false });
    expect(EJSON.stringify(parsed, { relaxed: false })).toContain('"$numberLong":"4611686018427387905"');
    expect(Object.keys(parsed)).toEqual(Object.keys(SAMPLES));
  });
});

describe('what JavaScript objects would lose', () => {
  test('order of integer-like names, repeated and empty names, __proto__', () => {
    const document = buildDocument([
      ['b', int32(1)],
      ['2', int32(2)],
      ['1', int32(3)],
      ['b', int32(4)],
      ['', nullValue],
      ['__proto__', doc(fromObject({ polluted: true }))],
      ['$set', string('x')],
      ['a.b', string('"\\\n')],
    ]);
    expect(roundTrips(document)).toBe(true);
  });
});

describe('what text cannot give back is said', () => {
  test.each<[string, Buffer]>([
    ['NaN with payload', of({ type: BsonType.double, bytes: Buffer.from('010000000000f87f', 'hex') })],
    ['invalid UTF-8 in a string', of(string(Buffer.from([0xff])))],
    ['invalid UTF-8 in a name', buildDocument([[Buffer.from([0xc0, 0x80]), nullValue]])],
    ['an encoded surrogate', of(string(Buffer.from('eda080', 'hex')))],
    ['a document that looks like an ObjectId', of(doc(fromObject({ $oid: '0102030405060708090a0b0c' })))],
    ['the same at the top', fromObject({ $oid: '0102030405060708090a0b0c' })],
    ['one that only starts alike', of(doc(fromObject({ $date: 5, x: 1 })))],
    ['one that only ends alike', of(doc(fromObject({ x: 1, $numberInt: '5' })))],
    ['a boolean that is 2', of({ type: BsonType.boolean, bytes: Buffer.of(2) })],
    ['old binary without its inner length', of(binary(2, Buffer.from([1])))],
    [
      'a decimal NaN with sign',
      of({ type: BsonType.decimal128, bytes: Buffer.from('000000000000000000000000000000fc', 'hex') }),
    ],
  ])('%s', (_, document) => {
    const { text, exact } = extendedJson(document);
    expect(exact).toBe(false);
    expect(() => JSON.parse(text)).not.toThrow();
  });

  test('an ordinary NaN does come back', () => {
    expect(roundTrips(of(double(Number.NaN)))).toBe(true);
  });
});

describe('reading', () => {
  test('white space, escapes and plain numbers', () => {
    expect(
      fromExtendedJson(' { "\\u0061" : [ 1 , -2.5 , 3000000000 , "\\ud83d\\ude00" ] , "b" : { } } \n'),
    ).toEqual(fromObject({ a: [1, -2.5, 3_000_000_000n, '😀'], b: {} }));
  });

  test.each([
    '',
    '{',
    '[]',
    '1',
    '{"a"}',
    '{"a":}',
    '{"a":1,}',
    '{"a":1}x',
    '{a:1}',
    "{'a':1}",
    '{"a":01}',
    '{"a":+1}',
    '{"a":"\u0001"}',
    '{"a":"\\x"}',
    '{"a":"\\ud800"}',
    '{"a":"\ud800"}',
    '{"a\\u0000":1}',
    '{"a":nul}',
    '{"a":[1,]}',
    '{"a":1e999}',
    '{"a":{"$numberInt":"2147483648"}}',
    '{"a":{"$numberInt":5}}',
    '{"a":{"$numberLong":"x"}}',
    '{"a":{"$numberDouble":"1e999"}}',
    '{"a":{"$numberDouble":""}}',
    '{"a":{"$oid":"12"}}',
    '{"a":{"$oid":"0102030405060708090a0b0c","x":1}}',
    '{"a":{"$binary":{"base64":"??","subType":"00"}}}',
    '{"a":{"$binary":{"base64":"","subType":"zz"}}}',
    '{"a":{"$timestamp":{"t":-1,"i":0}}}',
    '{"a":{"$timestamp":{"t":1}}}',
    '{"a":{"$minKey":2}}',
    '{"a":{"$undefined":1}}',
    '{"a":{"$regularExpression":{"pattern":"\\u0000","options":""}}}',
    '{"a":{"$code":"x","$scope":{"$oid":"0102030405060708090a0b0c"}}}',
    '{"a":{"$scope":{}}}',
    '{"a":{"$date":"2020-01-01T00:00:00Z"}}',
    '{"a":{"$numberDecimal":"1.2.3"}}',
    '{"$minKey":1}',
  ])('refuses %j', (text) => {
    expect(() => fromExtendedJson(text)).toThrow(invalid);
  });

  test('follows nesting up to a bound', () => {
    const nested = (depth: number): string => `${'{"a":'.repeat(depth - 1)}{}${'}'.repeat(depth - 1)}`;
    const deepest = fromExtendedJson(nested(MAX_DEPTH));
    expect(toCanonicalExtendedJson(deepest)).toBe(nested(MAX_DEPTH));
    expect(() => fromExtendedJson(nested(MAX_DEPTH + 1))).toThrow(invalid);
    expect(() => fromExtendedJson(`{"a":${'['.repeat(100_000)}`)).toThrow(invalid);
    expect(() => toCanonicalExtendedJson(of(doc(deepest)))).toThrow(invalid);
  });

  test('long texts and names, of one to four bytes a character', () => {
    for (const letter of ['a', 'ä', '€', '😀']) {
      const long = letter.repeat(5000);
      expect(roundTrips(fromObject({ [long]: long, after: 1 }))).toBe(true);
    }
  });

  test('damaged bytes are refused, not shown', () => {
    for (let length = 0; length < EVERYTHING.length; length += 7) {
      expect(() => toCanonicalExtendedJson(EVERYTHING.subarray(0, length))).toThrow(invalid);
    }
    expect(() =>
      toCanonicalExtendedJson(of({ type: BsonType.codeWithScope, bytes: code('x').bytes })),
    ).toThrow(invalid);
  });

  test('any JSON of strings, and any double, comes back', () => {
    fc.assert(
      fc.property(fc.array(fc.tuple(fc.string({ unit: 'binary' }), fc.double())), (fields) => {
        const kept = fields.filter(
          ([name]) => name.isWellFormed() && !name.includes('\0') && !name.startsWith('$'),
        );
        const document = buildDocument(
          kept.flatMap(
            ([name, n]) =>
              [
                [name, double(n)],
                [name, string(name)],
              ] as const,
          ),
        );
        expect(roundTrips(document)).toBe(true);
      }),
    );
  });
});

describe('decimal128', () => {
  test.each([
    '0',
    '-0',
    '0E+3',
    '0E-6176',
    '0E+6111',
    '1',
    '1.00',
    '-1.5',
    '0.001',
    '0.000001',
    '1E-7',
    '1.23E-7',
    '1E+3',
    '1.2E+4',
    '9.999999999999999999999999999999999E+6144',
    '1E-6176',
    '1234567890123456789012345678901234',
    'Infinity',
    '-Infinity',
    'NaN',
  ])('%s, as the bson package has it', (text) => {
    const expected = Decimal128.fromString(text);
    expect(formatDecimal128(decodeDecimal128(expected.bytes))).toBe(expected.toString());
    const parsed = parseDecimal128(text);
    expect(parsed && encodeDecimal128(parsed)).toEqual(Buffer.from(expected.bytes));
  });

  test.each([
    '',
    '.',
    '1e',
    'x',
    '1E+6145',
    '1E-6177',
    '12345678901234567890123456789012345',
    '--1',
    '1E9999999',
  ])('refuses %j', (text) => {
    expect(parseDecimal128(text)).toBeUndefined();
  });

  test.each([
    ['1E+6112', '1.0E+6112'],
    ['10E-6177', '1E-6176'],
    ['0E+9999', '0E+6111'],
    ['.5', '0.5'],
    ['1000000000000000000000000000000000000', '1.000000000000000000000000000000000E+36'],
  ])('%s is kept as %s', (text, kept) => {
    const parsed = parseDecimal128(text);
    expect(parsed && formatDecimal128(parsed)).toBe(kept);
  });

  test('all canonical bit patterns come back', () => {
    fc.assert(
      fc.property(
        fc.bigInt({ min: 0n, max: 10n ** 34n - 1n }),
        fc.integer({ min: -6176, max: 6111 }),
        fc.boolean(),
        (coefficient, exponent, negative) => {
          const bytes = encodeDecimal128({ kind: 'finite', negative, coefficient, exponent });
          const value = decodeDecimal128(bytes);
          expect(value).toEqual({ kind: 'finite', negative, coefficient, exponent });
          const parsed = parseDecimal128(formatDecimal128(value));
          expect(parsed && encodeDecimal128(parsed)).toEqual(bytes);
        },
      ),
    );
  });
});
