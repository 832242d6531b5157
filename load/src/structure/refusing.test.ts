import { fromObject, type Plain } from '@waybill/shared/bson/build';
import { expect, test } from 'vitest';
import { mayRefuse } from './refusing.ts';

type Key = Readonly<Record<string, Plain>>;

const KEYS: Readonly<Record<string, Key>> = {
  plain: { a: 1 },
  two: { 'x.a': 1, 'y.b': -1 },
  'two others': { c: 1, d: 1 },
  number: { 'a.0.b': 1 },
  sphere: { p: '2dsphere', q: 1 },
  flat: { p: '2d' },
  text: { _fts: 'text', _ftsx: 1 },
  hashed: { h: 'hashed' },
};

/** As 4.0 and 8.2 say it. */
const REFUSALS: readonly (readonly [code: number, message: string, may: readonly string[]])[] = [
  [171, 'cannot index parallel arrays [b] [a]', ['two']],
  [
    171,
    'Plan executor error during update :: caused by :: cannot index parallel arrays [d] [c]',
    ['two others'],
  ],
  [171, 'said otherwise', ['two', 'two others', 'sphere', 'text']],
  [16746, 'Ambiguous field name found in array', ['number']],
  [16755, "Can't extract geo keys: (hidden)", ['sphere', 'flat']],
  [13027, 'point not in interval of [ -180, 180 ]', ['sphere', 'flat']],
  [17262, 'language override unsupported: (hidden)', ['text']],
  [17261, 'found language override field in document with non-string type', ['text']],
  [16766, 'Error: hashed indexes do not currently support array values', ['hashed']],
  [17280, 'WiredTigerIndex::insert: key too large to index, failing  2012', Object.keys(KEYS).slice(0, -1)],
  [121, 'Document failed validation', []],
  [66, 'the (immutable) field _id was found to have been altered', []],
  [10334, 'object to insert too large', []],
];

test.each(REFUSALS)('%i %s', (code, message, may) => {
  const found = Object.entries(KEYS).filter(([name, key]) =>
    mayRefuse(fromObject({ key, name }), { code, message }),
  );
  expect(found.map(([name]) => name)).toEqual(may);
});
