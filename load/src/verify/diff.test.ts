import {
  array,
  buildArray,
  buildDocument,
  doc,
  double,
  type Field,
  fromObject,
  int32,
  type Plain,
  string,
} from '@waybill/shared/bson/build';
import { EVERYTHING } from '@waybill/test/support/bson/samples';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { diffDocuments } from './diff.ts';

/** Each difference as `path kind left/right`. */
function diff(left: Buffer, right: Buffer, limit = 100): string[] {
  return diffDocuments(left, right, limit).map(
    (found) => `${found.path} ${found.kind} ${found.leftType}/${found.rightType}`,
  );
}
const of = (left: { [name: string]: Plain }, right: { [name: string]: Plain }): string[] =>
  diff(fromObject(left), fromObject(right));

test('equal documents have none', () => {
  expect(diff(EVERYTHING, Buffer.from(EVERYTHING))).toEqual([]);
});

test('missing fields, types and values, at any depth', () => {
  expect(
    of(
      { _id: 1, a: 1, b: { c: { d: 'x' }, e: 1 }, gone: true },
      { _id: 1, a: 1n, b: { c: { d: 'y' }, e: 1 }, come: null },
    ),
  ).toEqual([
    'a type int32/int64',
    'b.c.d value string/string',
    'gone missing-right boolean/null',
    'come missing-left null/null',
  ]);
});

test('arrays go by position', () => {
  expect(of({ list: [1, { a: 1 }, 3] }, { list: [1, { a: 2 }] })).toEqual([
    'list[1].a value int32/int32',
    'list[2] missing-right int32/null',
  ]);
  expect(of({ list: [1] }, { list: [1, 'x'] })).toEqual(['list[1] missing-left null/string']);
});

test('order of fields, beside other differences', () => {
  expect(of({ a: 1, b: 2 }, { b: 2, a: 1 })).toEqual([' order document/document']);
  expect(of({ x: { a: 1, b: 2, c: 3 } }, { x: { b: 2, a: 2 } })).toEqual([
    'x.a value int32/int32',
    'x.c missing-right int32/null',
    'x order document/document',
  ]);
});

test('repeated names: number, values and interleaving', () => {
  const make = (...fields: Field[]): Buffer => buildDocument(fields);
  const one: Field = ['a', int32(1)];
  const two: Field = ['a', int32(2)];
  const other: Field = ['b', int32(3)];
  expect(diff(make(one, two), make(one))).toEqual(['a duplicate int32/int32']);
  expect(diff(make(one, two), make(one, one))).toEqual(['a value int32/int32']);
  expect(diff(make(one, two, other), make(one, other, two))).toEqual([' order document/document']);
});

test('an array whose items differ by name only', () => {
  const odd = array(buildDocument([['x', int32(1)]]));
  expect(diff(buildDocument([['l', odd]]), buildDocument([['l', array(buildArray([int32(1)]))]]))).toEqual([
    'l value array/array',
  ]);
});

test('names that are no plain words', () => {
  const long = 'n'.repeat(1000);
  expect(of({ 'a.b': { '': 1 }, [long]: 1 }, { 'a.b': { '': 2 }, [long]: 2 })).toEqual([
    '["a.b"][""] value int32/int32',
    `${long.slice(0, 100)}… value int32/int32`,
  ]);
});

test('no more than the limit', () => {
  const many = (n: number): Buffer =>
    fromObject(Object.fromEntries(Array.from({ length: 500 }, (_, i) => [`f${i}`, n])));
  expect(diff(many(1), many(2), 7)).toHaveLength(7);
});

test('damaged bytes are refused', () => {
  expect(() => diffDocuments(EVERYTHING, EVERYTHING.subarray(0, 50), 9)).toThrow(
    expect.objectContaining({ code: 'DOCUMENT_INVALID' }),
  );
});

test('there is a difference exactly when the bytes differ', () => {
  const { tree } = fc.letrec<{ tree: Buffer; field: Field }>((tie) => ({
    field: fc.tuple(
      fc.constantFrom('a', 'b', '0', ''),
      fc.oneof(
        { depthSize: 'small' },
        fc.constantFrom(int32(1), int32(2), double(1), string('x')),
        tie('tree').map((bytes) => doc(bytes)),
        tie('tree').map((bytes) => array(bytes)),
      ),
    ) as fc.Arbitrary<Field>,
    tree: fc.array(tie('field'), { maxLength: 4 }).map((fields) => buildDocument(fields)),
  }));
  fc.assert(
    fc.property(tree, tree, (left, right) => {
      expect(diffDocuments(left, right, 100).length > 0).toBe(!left.equals(right));
      expect(diffDocuments(left, left, 100)).toEqual([]);
    }),
    { numRuns: 300 },
  );
});
