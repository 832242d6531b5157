import { buildDocument, doc, fromObject, int32, nullValue, string } from '@waybill/shared/bson/build';
import { BsonType } from '@waybill/shared/bson/raw';
import { expect, it } from 'vitest';
import { isSameKey, keyFields, keyPath } from './key-fields.ts';

const paths = ['k', 'a.b', 'a.c.d', 'x.y'].map(keyPath);
const values = (document: Buffer): unknown => {
  const fields = keyFields(document, paths);
  return typeof fields === 'string' ? fields : fields.map(({ type, bytes }) => ({ type, bytes }));
};

it('takes the fields of a key out of a document, and null for what is missing', () => {
  const document = fromObject({ _id: 1, a: { z: 1, c: { d: 'deep' }, b: 7 }, x: 5, k: 'v' });
  expect(values(document)).toEqual([string('v'), int32(7), string('deep'), nullValue]);
  expect(values(fromObject({ _id: 1, 'a.b': 3, x: null }))).toEqual(Array(4).fill(nullValue));
  expect(values(fromObject({}))).toEqual(Array(4).fill(nullValue));
});

it('takes the first of several fields of one name, as servers do', () => {
  const document = buildDocument([
    ['k', int32(1)],
    ['a', int32(2)],
    ['k', int32(3)],
    ['a', doc(fromObject({ b: 4 }))],
  ]);
  expect(values(document)).toEqual([int32(1), nullValue, nullValue, nullValue]);
});

it('finds what no sharded collection takes', () => {
  expect(values(fromObject({ k: [1] }))).toBe('array');
  expect(values(fromObject({ a: [{ b: 1 }] }))).toBe('array');
  expect(values(fromObject({ a: { c: { d: [] } } }))).toBe('array');
  expect(values(fromObject({ z: [1], a: { z: [1] } }))).toEqual(Array(4).fill(nullValue));
  expect(values(buildDocument([['k', { type: BsonType.undefined, bytes: Buffer.alloc(0) }]]))).toBe(
    'undefined',
  );
});

it('compares keys by their bytes', () => {
  const key = (value: number | string) => {
    const fields = keyFields(fromObject({ k: value }), paths);
    if (typeof fields === 'string') throw new Error(fields);
    return fields;
  };
  expect(isSameKey(key(1), key(1))).toBe(true);
  expect(isSameKey(key(1), key(2))).toBe(false);
  expect(isSameKey(key(1), key('1'))).toBe(false);
});
