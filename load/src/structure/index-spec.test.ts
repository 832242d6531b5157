import {
  array,
  boolean,
  buildDocument,
  doc,
  double,
  fromObject,
  int32,
  int64,
  string,
} from '@waybill/shared/bson/build';
import { encodeDecimal128, parseDecimal128 } from '@waybill/shared/bson/decimal128';
import { BsonType, elements, type RawElement } from '@waybill/shared/bson/raw';
import { withFields } from '@waybill/shared/mongo/facts/coll-mod';
import { describe, expect, it } from 'vitest';
import { finalIndex, heldBackOf, indexSignature, isInherent, translateIndex } from './index-spec.ts';

type Plain = Parameters<typeof fromObject>[0];

const plain = { collated: false };
const names = (document: Uint8Array): string[] => [...elements(document)].map(({ name }) => name);

describe('translateIndex', () => {
  it('leaves an ordinary index byte for byte as it is', () => {
    const spec = buildDocument([
      ['v', int32(2)],
      [
        'key',
        doc(
          buildDocument([
            ['b', double(1)],
            ['2', int64(-1)],
            ['1', int32(1)],
          ]),
        ),
      ],
      ['name', string('b_2_1')],
      ['sparse', boolean(true)],
      ['partialFilterExpression', doc(fromObject({ a: { $gt: 5n } }))],
    ]);
    const { heldBack, verdict } = translateIndex(spec, plain);
    expect(verdict).toBe('ok');
    expect(heldBack).toEqual(spec);
  });

  it('holds unique, hidden and expiry back', () => {
    const spec = fromObject({
      v: 2,
      unique: true,
      key: { a: 1 },
      name: 'a',
      hidden: true,
      expireAfterSeconds: 50,
    });
    const { heldBack } = translateIndex(spec, plain);
    expect(heldBack).toEqual(fromObject({ v: 2, key: { a: 1 }, name: 'a' }));
    expect(heldBackOf(spec)).toEqual({
      unique: true,
      prepareUnique: false,
      hidden: true,
      expiry: { kind: 'after', seconds: 50 },
    });
  });

  it('says that an index is simple where it would inherit a collation', () => {
    const spec = fromObject({
      v: 2,
      key: { _fts: 'text', _ftsx: 1 },
      name: 't',
      weights: { t: 1 },
      textIndexVersion: 3,
    });
    expect(translateIndex(spec, { collated: true }).heldBack).toEqual(
      Buffer.concat([
        fromObject({
          v: 2,
          key: { _fts: 'text', _ftsx: 1 },
          name: 't',
          weights: { t: 1 },
          textIndexVersion: 3,
          collation: { locale: 'simple' },
        }),
      ]),
    );
    const collated = fromObject({ v: 2, key: { a: 1 }, name: 'a', collation: { locale: 'en' } });
    expect(translateIndex(collated, { collated: true }).heldBack).toEqual(collated);
  });

  it('keeps version 1 and gives it no collation', () => {
    const spec = fromObject({ v: 1, key: { a: 1 }, name: 'a' });
    expect(translateIndex(spec, { collated: true }).heldBack).toEqual(spec);
  });

  it('gives flags and numbers as the server reads them that kept them as they were given', () => {
    const of = (given: Plain) => {
      const { heldBack } = translateIndex(fromObject({ v: 2, key: { p: '2d' }, name: 'p', ...given }), plain);
      return [...elements(heldBack!)].slice(3).map(({ name, type, bytes }) => [name, { type, bytes }]);
    };
    const decimal = (text: string): RawElement => ({
      type: BsonType.decimal128,
      bytes: encodeDecimal128(parseDecimal128(text)!),
    });
    for (const yes of [1, -1, double(Number.NaN), 'no', {}, decimal('1'), true]) {
      expect(of({ sparse: yes })).toEqual([['sparse', boolean(true)]]);
    }
    for (const no of [0, -0, null, decimal('0.0'), false]) {
      expect(of({ sparse: no })).toEqual([['sparse', boolean(false)]]);
    }
    expect(of({ bits: double(20.7), min: decimal('0'), max: 5, bucketSize: 3 })).toEqual([
      ['bits', int32(20)],
      ['min', double(0)],
      ['max', int32(5)],
    ]);
  });

  it('reports what it alters and what it skips', () => {
    const old = fromObject({ v: 0, key: { a: 1 }, name: 'a', ns: 'd.c', background: true, dropDups: true });
    expect(translateIndex(old, plain)).toMatchObject({
      verdict: 'altered',
      note: 'built with the current index version; left out: dropDups',
      heldBack: fromObject({ key: { a: 1 }, name: 'a' }),
    });
    const haystack = fromObject({ v: 2, key: { p: 'geoHaystack', t: 1 }, name: 'p', bucketSize: 5 });
    expect(translateIndex(haystack, plain)).toMatchObject({ verdict: 'skipped', heldBack: null });
  });
});

describe('finalIndex', () => {
  const spec = buildDocument([
    ['v', int32(2)],
    ['key', doc(fromObject({ a: 1 }))],
    ['name', string('a')],
    ['expireAfterSeconds', double(3600.7)],
    ['unique', int32(1)],
  ]);

  it('gives everything back in the types that every server takes', () => {
    const base = { v: 2, key: { a: 1 }, name: 'a', unique: true };
    expect(finalIndex(spec, { collated: false, expires: true })).toEqual(
      fromObject({ ...base, expireAfterSeconds: 3600 }),
    );
    expect(finalIndex(spec, { collated: false, expires: false })).toEqual(fromObject(base));
  });

  it('expires nothing by a number that no server reads alike', () => {
    for (const odd of [Number.NaN, -1, 2 ** 31, 1e300, Number.POSITIVE_INFINITY]) {
      const index = withFields(spec, new Map([['expireAfterSeconds', double(odd)]]));
      expect(names(finalIndex(index, { collated: false, expires: true })!)).toEqual([
        'v',
        'key',
        'name',
        'unique',
      ]);
      expect(translateIndex(index, plain).note).toMatch(/^without its expiry/);
    }
  });
});

describe('isInherent', () => {
  it('knows the _id index and a clustered key, and no other index on _id', () => {
    expect(isInherent(fromObject({ v: 2, key: { _id: 1 }, name: '_id_' }))).toBe(true);
    expect(
      isInherent(fromObject({ v: 2, key: { _id: 1 }, name: 'mine', unique: true, clustered: true })),
    ).toBe(true);
    expect(isInherent(fromObject({ v: 2, key: { _id: -1 }, name: 'down' }))).toBe(false);
    for (const other of [2, -2, 0.5, 'hashed']) {
      expect(isInherent(fromObject({ v: 2, key: { _id: other }, name: 'other' }))).toBe(false);
    }
    for (const one of [1n, double(1)])
      expect(isInherent(fromObject({ key: { _id: one }, name: '_id_' }))).toBe(true);
    expect(isInherent(fromObject({ v: 2, key: { _id: 'hashed' }, name: 'h' }))).toBe(false);
    expect(isInherent(fromObject({ v: 2, key: { _id: 1, a: 1 }, name: 'both' }))).toBe(false);
  });
});

describe('indexSignature', () => {
  it('is one for indexes that differ in held back options alone', () => {
    const one = translateIndex(fromObject({ v: 2, key: { a: 1 }, name: 'a', unique: true }), plain);
    const other = translateIndex(fromObject({ v: 2, key: { a: 1 }, name: 'b' }), plain);
    const sparse = translateIndex(fromObject({ v: 2, key: { a: 1 }, name: 'c', sparse: true }), plain);
    expect(indexSignature(one.heldBack!)).toBe(indexSignature(other.heldBack!));
    expect(indexSignature(one.heldBack!)).not.toBe(indexSignature(sparse.heldBack!));
  });
});

describe('withFields', () => {
  it('replaces in place, appends and takes out', () => {
    const spec = fromObject({ v: 2, key: { a: 1 }, name: 'a', hidden: true, list: [1] });
    const changed = withFields(
      spec,
      new Map([
        ['hidden', null],
        ['v', int32(1)],
        ['unique', boolean(true)],
      ]),
    );
    expect(changed).toEqual(
      buildDocument([
        ['v', int32(1)],
        ['key', doc(fromObject({ a: 1 }))],
        ['name', string('a')],
        ['list', array(fromObject({ 0: 1 }))],
        ['unique', boolean(true)],
      ]),
    );
  });
});
