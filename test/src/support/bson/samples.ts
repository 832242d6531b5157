/** One element of every BSON type, with awkward payloads. */
import * as build from '@waybill/shared/bson/build';
import { BsonType, type RawElement } from '@waybill/shared/bson/raw';

const bytes = (hex: string): Buffer => Buffer.from(hex, 'hex');

const scope = build.buildDocument([['x', build.int32(1)]]);
const scoped = Buffer.concat([bytes('1a000000'), build.code('f()').bytes, scope, Buffer.alloc(0)]);
scoped.writeInt32LE(scoped.length);

export const SAMPLES: Readonly<Record<string, RawElement>> = {
  double: build.double(1),
  negativeZero: build.double(-0),
  infinity: build.double(-Infinity),
  subnormal: build.double(5e-324),
  string: build.string('ä\0€'),
  emptyString: build.string(''),
  document: build.doc(
    build.buildDocument([
      ['b', build.int32(1)],
      ['2', build.nullValue],
      ['1', build.nullValue],
    ]),
  ),
  emptyDocument: build.doc(build.buildDocument([])),
  array: build.array(
    build.buildArray([build.int32(1), build.string('x'), build.array(build.buildArray([]))]),
  ),
  binary: build.binary(0, bytes('00ff10')),
  emptyBinary: build.binary(0x80, Buffer.alloc(0)),
  oldBinary: build.binary(2, bytes('02000000aabb')),
  uuid: build.uuid(bytes('00112233445566778899aabbccddeeff')),
  undefined: { type: BsonType.undefined, bytes: Buffer.alloc(0) },
  objectId: build.objectId(bytes('0102030405060708090a0b0c')),
  true: build.boolean(true),
  false: build.boolean(false),
  date: build.date(1_700_000_000_123n),
  ancientDate: build.date(-(2n ** 63n)),
  null: build.nullValue,
  regex: { type: BsonType.regex, bytes: Buffer.from('^a\0im\0') },
  dbPointer: {
    type: BsonType.dbPointer,
    bytes: Buffer.concat([build.string('db.c').bytes, bytes('0102030405060708090a0b0c')]),
  },
  code: build.code('f()'),
  symbol: build.symbol('s'),
  codeWithScope: { type: BsonType.codeWithScope, bytes: scoped },
  int32: build.int32(-7),
  timestamp: build.timestamp((7n << 32n) | 9n),
  zeroTimestamp: build.timestamp(0n),
  int64: build.int64(2n ** 62n + 1n),
  decimal: { type: BsonType.decimal128, bytes: bytes('64000000000000000000000000003c30') },
  minKey: build.minKey,
  maxKey: build.maxKey,
};

/** A document of all of them. */
export const EVERYTHING = build.buildDocument(Object.entries(SAMPLES));
