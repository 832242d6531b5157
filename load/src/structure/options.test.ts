import { fromObject, int32 } from '@waybill/shared/bson/build';
import { elements } from '@waybill/shared/bson/raw';
import { modifiedOptions } from '@waybill/shared/mongo/facts/coll-mod';
import { describe, expect, it } from 'vitest';
import type { Fields } from '../target/target.ts';
import { createOptions, hasForeignValidator, identityDifferences, missingOptions } from './options.ts';

const names = (fields: readonly (readonly [string, unknown])[]) => fields.map(([name]) => name);

describe('createOptions', () => {
  it('leaves out what is implied, and holds the expiry of a clustered collection back', () => {
    const options = fromObject({
      autoIndexId: true,
      temp: true,
      idIndex: { v: 2 },
      uuid: 1,
      capped: false,
      validator: { a: 1 },
      expireAfterSeconds: 5,
    });
    expect(names(createOptions('a.b', options))).toEqual(['validator']);
  });

  it('gives a capped collection of size 0 the size that its server gives it', () => {
    const created = createOptions('a.b', fromObject({ capped: true, size: 0, max: 5 }));
    expect(Object.fromEntries(created)).toMatchObject({ size: int32(4096), max: int32(5) });
  });

  it('refuses kinds of collections that it cannot copy', () => {
    const options = fromObject({ timeseries: { timeField: 't' } });
    expect(() => createOptions('a.b', options)).toThrow(/timeseries/);
  });
});

describe('identityDifferences', () => {
  it('knows another collection by its options', () => {
    const wanted = fromObject({ capped: true, size: 4096, collation: { locale: 'en' } });
    expect(identityDifferences(fromObject({}), wanted)).toEqual(['capped', 'size', 'collation']);
    expect(identityDifferences(wanted, fromObject({ capped: true, size: 4096 }))).toEqual(['collation']);
  });

  it('does not mind the type of a number, what says nothing, or what can be changed', () => {
    const one = fromObject({ capped: true, size: 4096, max: 0 });
    const other = fromObject({ capped: true, size: 4096n, validator: { a: 1 } });
    expect(identityDifferences(one, other)).toEqual([]);
  });

  it('knows a collation, whatever library a server has and in what order it writes it down', () => {
    const one = fromObject({ collation: { locale: 'de', strength: 1, version: '57.1' } });
    const other = fromObject({ collation: { strength: 1n, locale: 'de', version: '58.2' } });
    expect(identityDifferences(one, other)).toEqual([]);
  });
});

describe('validators', () => {
  const ours = fromObject({ validator: { a: 1 }, validationLevel: 'moderate' });

  it('are foreign where they stand there and are not the same', () => {
    expect(hasForeignValidator(fromObject({}), ours)).toBe(false);
    expect(hasForeignValidator(fromObject({ validator: {} }), ours)).toBe(false);
    expect(hasForeignValidator(ours, ours)).toBe(false);
    expect(hasForeignValidator(fromObject({ validator: { b: 1 } }), ours)).toBe(true);
    expect(hasForeignValidator(fromObject({ validator: { b: 1 } }), fromObject({}))).toBe(true);
  });

  it('are added to a collection that lacks them', () => {
    expect(names(missingOptions(fromObject({}), ours))).toEqual(['validator', 'validationLevel']);
    expect(missingOptions(ours, ours)).toEqual([]);
    const theirs = { validationLevel: 'off', changeStreamPreAndPostImages: { enabled: true } };
    expect(missingOptions(fromObject(theirs), fromObject({}))).toEqual(
      fieldsOf(
        fromObject({ validationLevel: 'strict', changeStreamPreAndPostImages: { enabled: false } }),
      ).map(([name, { type, bytes }]) => [name, { type, bytes }]),
    );
  });
});

describe('modifiedOptions', () => {
  it('has the options as they are after collMod', () => {
    const before = fromObject({ capped: true, size: 4096, validator: { a: 1 }, expireAfterSeconds: 5 });
    const changes = fromObject({ cappedSize: 8192, expireAfterSeconds: 'off' });
    const after = modifiedOptions(before, fieldsOf(changes));
    expect(after).toEqual(fromObject({ capped: true, size: 8192, validator: { a: 1 } }));
  });
});

function fieldsOf(document: Buffer): Fields {
  return [...elements(document)].map((element) => [element.name, element] as const);
}
