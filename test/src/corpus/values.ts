import * as b from '../support/bson/bytes.ts';
import { type CorpusDocument, collection, holding, named } from './entry.ts';

const scope = b.document(['x', b.int32(1)], ['1', b.nullValue], ['0', b.nullValue]);

const types: readonly CorpusDocument[] = [
  holding('double', b.double(3.25)),
  holding('string', b.string('Grüße, 世界 🚚')),
  holding('object', b.object(['k', b.string('v')])),
  holding('object empty', b.object()),
  holding('array', b.array(b.int32(1), b.string('two'), b.nullValue)),
  holding('array empty', b.array()),
  holding('undefined', b.undefinedValue),
  holding('objectId', b.objectId('0102030405060708090a0b0c')),
  holding('boolean true', b.boolean(true)),
  holding('boolean false', b.boolean(false)),
  holding('date', b.date(1_700_000_000_123n)),
  holding('null', b.nullValue),
  holding('regex', b.regex('^a.*b$', 'ims')),
  holding('regex with options out of order', b.regex('a/b', 'xi')),
  holding('dbPointer', b.dbPointer('shop.orders', 'ffeeddccbbaa998877665544')),
  holding('code', b.code('function () { return 1; }')),
  holding('symbol', b.symbol('sym')),
  holding('code with scope', b.codeWithScope('x + 1', scope)),
  holding('int32', b.int32(-2_147_483_648)),
  named('timestamp', ['v', b.timestamp(1_700_000_000, 7)], ['max', b.timestamp(0xffff_ffff, 0xffff_ffff)]),
  holding('int64', b.int64(-9_223_372_036_854_775_808n)),
  holding('int64 beyond 2^53', b.int64(9_007_199_254_740_993n)),
  holding('decimal128', b.decimalBits('30400000000000000000000000000001')),
  holding('minKey', b.minKey),
  holding('maxKey', b.maxKey),
  ...[0x00, 0x01, 0x02, 0x03, 0x04, 0x05, 0x06, 0x08, 0x09, 0x0a, 0x7f, 0x80, 0xff].map((subtype) =>
    holding(
      `binary subtype ${subtype.toString(16).padStart(2, '0')}`,
      // A subtype of the server's own is judged by its first byte; 0 is none of its markers.
      b.binary(subtype, Buffer.from([0, ...Array.from({ length: 15 }, (_, index) => 255 - index)])),
    ),
  ),
  // Servers check that a compressed column is one: here a single int32 and the end.
  holding('binary subtype 07', b.binary(7, Buffer.from('10000100000000', 'hex'))),
  holding('binary empty', b.binary(0, '')),
  holding('binary old subtype empty', b.binary(2, '')),
];

const numbers: readonly CorpusDocument[] = [
  holding('minus zero', b.doubleBits('8000000000000000')),
  holding('NaN', b.doubleBits('7ff8000000000000')),
  holding('NaN negative', b.doubleBits('fff8000000000000')),
  holding('NaN with payload', b.doubleBits('7ff800000000beef')),
  holding('NaN signalling', b.doubleBits('7ff0000000000001')),
  holding('infinity', b.doubleBits('7ff0000000000000')),
  holding('minus infinity', b.doubleBits('fff0000000000000')),
  holding('double smallest', b.doubleBits('0000000000000001')),
  holding('double largest', b.doubleBits('7fefffffffffffff')),
  named(
    'one in every numeric type',
    ['double', b.double(1)],
    ['int', b.int32(1)],
    ['long', b.int64(1n)],
    ['decimal', b.decimalBits('30400000000000000000000000000001')],
    ['list', b.array(b.double(1), b.int32(1), b.int64(1n))],
  ),
  holding('decimal NaN', b.decimalBits('7c000000000000000000000000000000')),
  holding('decimal NaN negative', b.decimalBits('fc000000000000000000000000000000')),
  holding('decimal NaN signalling', b.decimalBits('7e000000000000000000000000000000')),
  holding('decimal NaN with payload', b.decimalBits('7c000000000000000000000000000012')),
  holding('decimal infinity', b.decimalBits('78000000000000000000000000000000')),
  holding('decimal minus infinity', b.decimalBits('f8000000000000000000000000000000')),
  holding('decimal zero', b.decimalBits('30400000000000000000000000000000')),
  holding('decimal minus zero', b.decimalBits('b0400000000000000000000000000000')),
  holding('decimal zero with exponent', b.decimalBits('5ffe0000000000000000000000000000')),
  holding('decimal 1.0, not 1', b.decimalBits('303e000000000000000000000000000a')),
  holding('decimal 1.00, not 1.0', b.decimalBits('303c0000000000000000000000000064')),
  holding('decimal largest', b.decimalBits('5fffed09bead87c0378d8e63ffffffff')),
  holding('decimal smallest', b.decimalBits('00000000000000000000000000000001')),
  holding('decimal not canonical', b.decimalBits('6c100000000000000000000000000001')),
  holding('date before year 1', b.date(-62_135_596_800_001n)),
  holding('date last of JavaScript', b.date(8_640_000_000_000_000n)),
  holding('date after JavaScript', b.date(8_640_000_000_000_001n)),
  holding('date before JavaScript', b.date(-8_640_000_000_000_001n)),
  holding('date first', b.date(-9_223_372_036_854_775_808n)),
  holding('date last', b.date(9_223_372_036_854_775_807n)),
  named(
    'timestamp zero, nested',
    ['inner', b.object(['v', b.timestamp(0, 0)])],
    ['list', b.array(b.timestamp(0, 0))],
  ),
];

const strings: readonly CorpusDocument[] = [
  holding('string empty', b.string('')),
  holding('string with NUL', b.string('a\0b')),
  holding('string with byte order mark', b.string('\ufeffx')),
  holding('string not normalised', b.string('é é')),
  holding('invalid UTF-8: stray bytes', b.string(Buffer.from([0x61, 0xff, 0xfe, 0x62]))),
  holding('invalid UTF-8: cut short', b.string(Buffer.from([0x61, 0xe4, 0xb8]))),
  holding('invalid UTF-8: lone surrogate', b.string(Buffer.from([0xed, 0xa0, 0x80]))),
  holding('invalid UTF-8: overlong', b.string(Buffer.from([0xc0, 0x80]))),
  holding('symbol with invalid UTF-8', { type: 0x0e, bytes: b.string(Buffer.from([0xff])).bytes }),
];

export const values = collection('values', [...types, ...numbers, ...strings]);
