/**
 * For each rule of Firestore a document that breaks it and one that just keeps it. MongoDB stores
 * all of them. Each has an `_id` of its own.
 */
import {
  array,
  binary,
  boolean,
  buildArray,
  buildDocument,
  code,
  date,
  doc,
  double,
  type Field,
  int32,
  int64,
  nullValue,
  objectId,
  string,
  symbol,
  timestamp,
  uuid,
} from '@waybill/shared/bson/build';
import { BsonType, type RawElement } from '@waybill/shared/bson/raw';
import { SAMPLES } from '../bson/samples.ts';
import { field, type PoisonCase } from './case.ts';

const regex = (pattern: string, options: string): RawElement => ({
  type: BsonType.regex,
  bytes: Buffer.from(`${pattern}\0${options}\0`),
});
const one = int32(1);
const object = (...fields: Field[]): RawElement => doc(buildDocument(fields));
const items = (...values: RawElement[]): RawElement => array(buildArray(values));

/** `levels` objects and arrays one inside the other. */
function nested(levels: number): RawElement {
  let inner = object(['leaf', one]);
  for (let level = 2; level <= levels; level++) {
    inner = level % 2 === 0 ? items(inner) : object(['a', inner]);
  }
  return inner;
}

/** Under a name of 500 bytes, a path of 1,500 bytes and what is added. */
const longPath = (added: string): RawElement =>
  object(['b'.repeat(500), object([`${'c'.repeat(498)}${added}`, one])]);

const FIRST_DATE = -62_135_596_800_000;
const LAST_DATE = 253_402_300_799_999;
const dbRef = (name: string): RawElement => object(['$ref', string('c')], [name, one]);

function id(
  name: string,
  rule: string,
  violating: RawElement,
  allowed: RawElement,
  path = '_id',
): PoisonCase {
  const made = (value: RawElement): Buffer =>
    buildDocument([
      ['_id', value],
      ['x', one],
    ]);
  return { name, rule, path, violating: made(violating), allowed: made(allowed) };
}

const IDS: readonly PoisonCase[] = [
  id('date as _id', 'id-type', date(5), int64(5)),
  id('decimal as _id', 'id-type', SAMPLES.decimal!, double(1.5)),
  id('boolean as _id', 'id-type', boolean(true), int32(11)),
  id('null as _id', 'id-type', nullValue, string('null')),
  id('timestamp as _id', 'id-type', timestamp(77n), objectId(Buffer.alloc(12, 1))),
  id('minKey as _id', 'id-type', SAMPLES.minKey!, uuid(Buffer.alloc(16, 2))),
  id('maxKey as _id', 'id-type', SAMPLES.maxKey!, object(['a', one])),
  id(
    'date inside an _id',
    'id-type',
    object(['a', object(['d', date(1)])]),
    object(['a', object(['d', one])]),
    '_id.a.d',
  ),
  id(
    'date in an array inside an _id',
    'id-type',
    object(['a', items(one, date(1))]),
    object(['a', items(one, one)]),
    '_id.a[1]',
  ),
  id(
    'array in an array inside an _id',
    'id-type',
    object(['a', items(items(one))]),
    object(['a', items(object(['b', one]))]),
    '_id.a[0]',
  ),
  id('long string as _id', 'id-size', string('i'.repeat(1501)), string('i'.repeat(1500))),
  id('long binary as _id', 'id-size', binary(0, Buffer.alloc(1501)), binary(0, Buffer.alloc(1500))),
  id('reserved string as _id', 'id-name', string('__x__'), string('__x_')),
  id('string that is no UTF-8 as _id', 'id-name', string(Buffer.from([0xff, 0x61])), string('ÿa')),
  id('reserved empty string as _id', 'id-name', string('____'), string('___')),
];

const NAMES: readonly PoisonCase[] = [
  field('empty name', 'field-name', '[""]', ['', one], [' ', one]),
  field('reserved name', 'field-name', '__x__', ['__x__', one], ['__x', one]),
  field('reserved name inside', 'field-name', 'x.__y__', object(['__y__', one]), object(['_y__', one])),
  field(
    'reserved name in an array',
    'field-name',
    'x[0].____',
    items(object(['____', one])),
    items(object(['___', one])),
  ),
  field('name that is no UTF-8', 'field-name', '["\ufffda"]', [Buffer.from([0xff, 0x61]), one], ['ÿa', one]),
  field(
    'long name',
    'field-name-size',
    `${'n'.repeat(100)}…`,
    ['n'.repeat(1501), one],
    ['n'.repeat(1500), one],
  ),
  field(
    'long path',
    'field-path-size',
    `${'a'.repeat(100)}….${'b'.repeat(100)}….${'c'.repeat(100)}…`,
    ['a'.repeat(500), longPath('c')],
    ['a'.repeat(500), longPath('')],
  ),
];

const VALUES: readonly PoisonCase[] = [
  field('deep nesting', 'depth', `x${'.a[0]'.repeat(10)}`, nested(21), nested(20)),
  field('undefined', 'bson-type', 'x', SAMPLES.undefined!, nullValue),
  field('symbol', 'bson-type', 'x', symbol('s'), string('s')),
  field('DBPointer', 'bson-type', 'x', SAMPLES.dbPointer!, SAMPLES.objectId!),
  field('JavaScript', 'bson-type', 'x', code('f()'), string('f()')),
  field('JavaScript with scope', 'bson-type', 'x', SAMPLES.codeWithScope!, string('f()')),
  field('DBRef', 'bson-type', 'x', dbRef('$id'), dbRef('id')),
  field('forbidden type in an array', 'bson-type', 'x[1]', items(one, symbol('s')), items(one, string('s'))),
  field('date too early', 'date-range', 'x', date(FIRST_DATE - 1), date(FIRST_DATE)),
  field('date too late', 'date-range', 'x', date(LAST_DATE + 1), date(LAST_DATE)),
  field('first date of all', 'date-range', 'x', SAMPLES.ancientDate!, date(0)),
  field('unknown regex option', 'regex-options', 'x', regex('^a', 'l'), regex('^a', 'imsux')),
];

export const FIRESTORE_POISON: readonly PoisonCase[] = [...IDS, ...NAMES, ...VALUES];
