/** For each rule of FerretDB 1 a document that breaks it and one that just keeps it. */
import {
  array,
  buildArray,
  buildDocument,
  doc,
  double,
  type Field,
  int32,
  int64,
  string,
} from '@waybill/shared/bson/build';
import type { RawElement } from '@waybill/shared/bson/raw';
import { SAMPLES } from '../bson/samples.ts';
import { field, type PoisonCase } from './case.ts';

const one = int32(1);
const object = (...fields: Field[]): RawElement => doc(buildDocument(fields));
const items = (...values: RawElement[]): RawElement => array(buildArray(values));
const notUtf8 = Buffer.from([0x61, 0xff]);

/** It ends the connection that they come through. */
const TYPES = [
  ...['decimal', 'minKey', 'maxKey', 'symbol', 'code', 'codeWithScope', 'dbPointer', 'undefined'],
] as const;

export const FERRETDB_POISON: readonly PoisonCase[] = [
  field('dotted name', 'field-name', '["a.b"]', ['a.b', one], ['a_b', one]),
  field('dollar', 'field-name', '$a', ['$a', one], ['a$', one]),
  field('dollar inside', 'field-name', 'x.$a', object(['$a', one]), object(['a$', one])),
  field('name that is no UTF-8', 'field-name', '["a\ufffd"]', [notUtf8, one], ['aÿ', one]),
  field('text that is no UTF-8', 'text-encoding', 'x', string(notUtf8), string('aÿ')),
  field('array in an array', 'nested-array', 'x[0]', items(items(one)), items(object(['y', items(one)]))),
  field('NaN', 'double-value', 'x', double(Number.NaN), double(1.7e308)),
  field('infinity', 'double-value', 'x', double(Number.NEGATIVE_INFINITY), double(-1.7e308)),
  ...TYPES.map((type) => field(type, 'bson-type', 'x', SAMPLES[type]!, int64(2n ** 62n))),
];
