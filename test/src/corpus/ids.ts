import * as b from '../support/bson/bytes.ts';
import { type CorpusDocument, collection } from './entry.ts';

const withId = (name: string, id: b.Value): CorpusDocument => ({
  name: `_id ${name}`,
  bytes: b.document(['_id', id], ['name', b.string(name)]),
});

const one = '30400000000000000000000000000001';

/** Every type that an `_id` may have. Servers refuse arrays, regular expressions and undefined. */
const mixed: readonly CorpusDocument[] = [
  withId('minKey', b.minKey),
  withId('maxKey', b.maxKey),
  withId('null', b.nullValue),
  withId('NaN', b.doubleBits('7ff8000000000000')),
  withId('minus infinity', b.doubleBits('fff0000000000000')),
  withId('infinity', b.doubleBits('7ff0000000000000')),
  withId('minus zero', b.doubleBits('8000000000000000')),
  withId('double 1.0', b.double(1)),
  withId('double 2.5', b.double(2.5)),
  withId('int32 2', b.int32(2)),
  withId('int32 lowest', b.int32(-2_147_483_648)),
  withId('int64 3', b.int64(3n)),
  withId('int64 beyond 2^53', b.int64(9_007_199_254_740_993n)),
  withId('int64 highest', b.int64(9_223_372_036_854_775_807n)),
  withId('decimal 4.0', b.decimalBits('303e0000000000000000000000000028')),
  withId('decimal largest', b.decimalBits('5fffed09bead87c0378d8e63ffffffff')),
  withId('string', b.string('id')),
  withId('string empty', b.string('')),
  withId('string A', b.string('A')),
  withId('string a', b.string('a')),
  withId('string with NUL', b.string('a\0b')),
  withId('string invalid UTF-8', b.string(Buffer.from([0x69, 0xff]))),
  withId('symbol', b.symbol('symbol id')),
  withId('object', b.object(['b', b.int32(1)], ['a', b.double(2)])),
  withId('object in other order', b.object(['a', b.double(2)], ['b', b.int32(1)])),
  withId('object empty', b.object()),
  withId('object with an array', b.object(['list', b.array(b.int32(1), b.nullValue)])),
  withId('object with odd names', b.object(['10', b.int32(1)], ['2', b.int32(2)], ['', b.int32(3)])),
  withId('object with duplicate keys', b.object(['a', b.int32(1)], ['a', b.int32(2)])),
  withId('binary 00', b.binary(0, 'bytes')),
  withId('binary 02', b.binary(2, 'bytes')),
  withId('binary 03', b.binary(3, '0123456789abcdef')),
  withId('binary 04', b.binary(4, '0123456789abcdef')),
  withId('binary 80', b.binary(0x80, 'bytes')),
  withId('binary empty', b.binary(0, '')),
  withId('objectId', b.objectId('0102030405060708090a0b0c')),
  withId('objectId lowest', b.objectId('000000000000000000000000')),
  withId('boolean false', b.boolean(false)),
  withId('boolean true', b.boolean(true)),
  withId('date', b.date(1_700_000_000_123n)),
  withId('date outside JavaScript', b.date(-9_223_372_036_854_775_808n)),
  withId('timestamp', b.timestamp(1, 1)),
  withId('timestamp zero', b.timestamp(0, 0)),
  withId('dbPointer', b.dbPointer('a.b', '0102030405060708090a0b0c')),
  withId('code', b.code('1')),
  withId('code with scope', b.codeWithScope('1', b.document(['x', b.int32(1)]))),
];

export const ids = collection('ids', mixed);

/**
 * Groups of `_id`s that a server considers equal though their bytes differ. A collection holds at
 * most one of a group at a time: a group moves on when one is deleted and another inserted. The
 * last group needs `collated`'s collation.
 */
export const equalIds: Readonly<Record<'numbers' | 'nested' | 'zeros' | 'collated', readonly b.Value[]>> = {
  numbers: [b.int32(1), b.int64(1n), b.double(1), b.decimalBits(one)],
  nested: [
    b.object(['k', b.int32(1)]),
    b.object(['k', b.int64(1n)]),
    b.object(['k', b.double(1)]),
    b.object(['k', b.decimalBits(one)]),
  ],
  zeros: [b.int32(0), b.double(0), b.doubleBits('8000000000000000'), b.int64(0n)],
  collated: [b.string('key'), b.string('KEY'), b.string('Key')],
};

/** Equal numbers of different types, each type in a collection of its own. */
export const numberIds = [
  ['ids_int32', (n: number) => b.int32(n)],
  ['ids_int64', (n: number) => b.int64(BigInt(n))],
  ['ids_double', (n: number) => b.double(n)],
  [
    'ids_decimal',
    (n: number) => b.decimalBits(`304000000000000000000000000000${n.toString(16).padStart(2, '0')}`),
  ],
].map(([name, make]) =>
  collection(
    name as string,
    [1, 2, 3, 4, 5].map((n) => withId(`${name} ${n}`, (make as (n: number) => b.Value)(n))),
  ),
);
