import {
  array,
  buildArray,
  buildDocument,
  doc,
  double,
  type Field,
  int32,
  string,
  timestamp,
} from '@waybill/shared/bson/build';
import { BsonType, type RawElement } from '@waybill/shared/bson/raw';
import { EVERYTHING } from '@waybill/test/support/bson/samples';
import fc from 'fast-check';
import { expect, it } from 'vitest';
import { FIRESTORE } from '../target/profiles/firestore.ts';
import { CanonicalForm } from './canonical-form.ts';

const form = new CanonicalForm({ ...FIRESTORE.canonical, negativeZero: true });

/** A value of the source, and what a target may have for it. */
type Twins = readonly [source: RawElement, target: RawElement];

const hex = (type: number, bytes: string): RawElement => ({
  type,
  bytes: Buffer.from(bytes, 'hex').reverse(),
});
const decimal = (bytes: string): RawElement => hex(BsonType.decimal128, bytes);
const regex = (options: string): RawElement => ({
  type: BsonType.regex,
  bytes: Buffer.from(`^a\0${options}\0`),
});
const NAN = [
  '7ff8000000000000',
  'fff8000000000000',
  '7ff0000000000001',
  'fff123456789abcd',
  '7fffffffffffffff',
];
const DECIMAL_NAN = [
  '7c000000000000000000000000000000',
  'fc000000000000000000000000000000',
  '7e000000000000000000000000000001',
];
const INFINITY = ['78000000000000000000000000000000', '7800000000000000000000000000abcd'];
const NEGATIVE_INFINITY = INFINITY.map((bits) => `f${bits.slice(1)}`);

const pairOf = (values: readonly RawElement[]): fc.Arbitrary<Twins> => {
  const one = fc.constantFrom(...values);
  return fc.tuple(one, one);
};
const special = fc.oneof(
  pairOf(NAN.map((bits) => hex(BsonType.double, bits))),
  pairOf([double(0), double(-0)]),
  pairOf(DECIMAL_NAN.map(decimal)),
  pairOf(INFINITY.map(decimal)),
  pairOf(NEGATIVE_INFINITY.map(decimal)),
  pairOf(['imx', 'xmi', 'mix', 'iimmx'].map(regex)),
);
const plain = fc
  .oneof(
    fc.integer().map(int32),
    fc.string().map(string),
    fc.double({ noNaN: true, min: 1e-300 }).map(double),
    fc.constantFrom(
      double(Infinity),
      double(-Infinity),
      decimal('30400000000000000000000000000001'),
      regex('im'),
    ),
  )
  .map((value): Twins => [value, value]);
const { value } = fc.letrec<{ value: Twins }>((tie) => {
  const fields = fc.array(
    fc.tuple(
      fc.string().map((name) => name.replaceAll('\0', '')),
      tie('value'),
    ),
    { maxLength: 4 },
  );
  const side = (items: readonly (readonly [string, Twins])[], at: 0 | 1): Buffer =>
    buildDocument(items.map(([name, twins]): Field => [name, twins[at]]));
  return {
    value: fc.oneof(
      { maxDepth: 4 },
      plain,
      special,
      fields.map((items): Twins => [doc(side(items, 0)), doc(side(items, 1))]),
      fc
        .array(tie('value'), { maxLength: 4 })
        .map(
          (items): Twins => [
            array(buildArray(items.map(([source]) => source))),
            array(buildArray(items.map(([, target]) => target))),
          ],
        ),
    ),
  };
});
const documents = fc
  .array(value, { minLength: 1, maxLength: 6 })
  .map((values) =>
    ([0, 1] as const).map((at) =>
      buildDocument(values.map((twins, index): Field => [`f${index}`, twins[at]])),
    ),
  );

it('gives documents that mean the same one form, and says so', () => {
  fc.assert(
    fc.property(documents, ([source, target]) => {
      expect(form.of(source!)).toEqual(form.of(target!));
      expect(form.isSame(source!, target!)).toBe(true);
      expect(form.of(form.of(source!))).toEqual(form.of(source!));
    }),
  );
});

it('leaves nothing else the same', () => {
  fc.assert(
    fc.property(documents, fc.nat(), fc.integer({ min: 1, max: 255 }), ([source, target], place, flip) => {
      const changed = buildDocument([
        ['a', doc(target!)],
        ['last', int32(place)],
      ]);
      const wanted = buildDocument([
        ['a', doc(source!)],
        ['last', int32(place ^ flip)],
      ]);
      expect(form.isSame(wanted, changed)).toBe(false);
    }),
  );
  for (const [one, other] of [
    [hex(BsonType.double, NAN[0]!), double(Infinity)],
    [double(Infinity), double(-Infinity)],
    [decimal(INFINITY[0]!), decimal(NEGATIVE_INFINITY[0]!)],
    [decimal(INFINITY[0]!), decimal(DECIMAL_NAN[0]!)],
    [regex('im'), regex('ix')],
    [timestamp(0n), timestamp(0n)],
  ] as const) {
    const isSame = form.isSame(buildDocument([['v', one]]), buildDocument([['v', other]]));
    expect(isSame).toBe(one === other || one.type === BsonType.timestamp);
  }
});

it('copies nothing where nothing has another form', () => {
  const document = buildDocument([['v', double(1)]]);
  expect(form.of(document)).toBe(document);
  const kept = new CanonicalForm({});
  expect(kept.of(EVERYTHING)).toBe(EVERYTHING);
});

it("takes the target's own time for Timestamp(0,0), at the top alone", () => {
  const zero = timestamp(0n);
  const time = timestamp(77n);
  const made = (at: RawElement, inside: RawElement): Buffer =>
    buildDocument([
      ['_id', int32(1)],
      ['at', at],
      ['inside', doc(buildDocument([['t', inside]]))],
    ]);
  expect(form.isSame(made(zero, zero), made(time, zero))).toBe(true);
  expect(form.isSame(made(time, zero), made(zero, zero))).toBe(false);
  expect(form.isSame(made(zero, zero), made(zero, time))).toBe(false);
  expect(form.isSame(made(zero, zero), made(int32(0), zero))).toBe(false);
  expect(new CanonicalForm({ nan: true }).isSame(made(zero, zero), made(time, zero))).toBe(false);
});

it('knows an _id by what the target makes of it', () => {
  const [one, other] = NAN.map((bits) => hex(BsonType.double, bits));
  expect(form.ofId(one!)).toEqual(form.ofId(other!));
  const inside = (value: RawElement): RawElement => doc(buildDocument([['v', value]]));
  expect(form.ofId(inside(one!)).bytes).toEqual(form.ofId(inside(other!)).bytes);
  expect(form.ofId(int32(1))).toEqual(int32(1));
});
