import * as b from '../support/bson/bytes.ts';
import { type CorpusDocument, collection, named } from './entry.ts';

const documents: readonly CorpusDocument[] = [
  named('duplicate keys', ['a', b.int32(1)], ['a', b.string('two')], ['b', b.int32(3)], ['a', b.int32(4)]),
  named('duplicate keys nested', ['o', b.object(['a', b.int32(1)], ['a', b.int32(2)])]),
  named(
    'integer-like keys out of order',
    ['10', b.int32(1)],
    ['2', b.int32(2)],
    ['x', b.int32(3)],
    ['1', b.int32(4)],
  ),
  named('integer-like keys nested', [
    'o',
    b.object(['2', b.int32(1)], ['1', b.int32(2)], ['-1', b.int32(3)]),
  ]),
  named(
    '__proto__',
    ['__proto__', b.object(['polluted', b.boolean(true)])],
    ['constructor', b.int32(1)],
    ['toString', b.string('x')],
  ),
  named('__proto__ nested', ['o', b.object(['__proto__', b.nullValue], ['hasOwnProperty', b.int32(1)])]),
  { ...named('$-prefixed', ['$x', b.int32(1)], ['$set', b.object(['a', b.int32(1)])]), since: 5 },
  { ...named('$-prefixed nested', ['o', b.object(['$set', b.int32(1)], ['$ref', b.int32(2)])]), since: 5 },
  { ...named('$ alone', ['$', b.int32(1)], ['$$', b.int32(2)]), since: 5 },
  named('dotted', ['a.b', b.int32(1)], ['a', b.object(['b', b.int32(2)])]),
  named('dots only', ['.', b.int32(1)], ['..', b.int32(2)], ['a.', b.int32(3)], ['.a', b.int32(4)]),
  named('empty name', ['', b.int32(1)], ['o', b.object(['', b.object(['', b.int32(2)])])]),
  named('database reference', [
    'r',
    b.object(
      ['$ref', b.string('orders')],
      ['$id', b.objectId('0102030405060708090a0b0c')],
      ['$db', b.string('shop')],
    ),
  ]),
  named('invalid UTF-8 in a name', [Buffer.from([0x61, 0xff, 0x62]), b.int32(1)]),
  named('long name', ['n'.repeat(5000), b.int32(1)]),
  named('names in other scripts', ['größe', b.int32(1)], ['名前', b.int32(2)], ['🚚', b.int32(3)]),
  named('_id nested twice', ['o', b.object(['a', b.int32(1)], ['_id', b.int32(2)], ['_id', b.int32(3)])]),
  named('array with foreign keys', [
    'list',
    b.arrayWithKeys(['7', b.int32(1)], ['x', b.int32(2)], ['7', b.int32(3)], ['', b.int32(4)]),
  ]),
  named('looks like extended JSON', ['o', b.object(['$numberLong', b.string('1')])]),
  {
    name: '_id not first',
    bytes: b.document(['a', b.int32(1)], ['_id', b.string('_id not first')], ['b', b.int32(2)]),
    changedByServer: {
      becomes: b.document(['_id', b.string('_id not first')], ['a', b.int32(1)], ['b', b.int32(2)]),
      why: 'A server stores _id as the first field.',
    },
  },
];

export const names = collection('names', documents);
