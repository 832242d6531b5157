import {
  array,
  boolean,
  buildArray,
  buildDocument,
  date,
  doc,
  double,
  type Field,
  int32,
  int64,
  nullValue,
  string,
  symbol,
  timestamp,
} from '@waybill/shared/bson/build';
import type { RawElement } from '@waybill/shared/bson/raw';

/**
 * Documents that tools tend to change. They go in as bytes, since no driver would write them, and
 * must come out as the same bytes. The tests have the whole catalogue.
 */
export function oddities(): Buffer[] {
  return [
    odd('the same key twice', ['a', int32(1)], ['a', string('two')], ['b', int32(3)], ['a', double(4)]),
    odd('numbers as keys, out of order', ['10', int32(1)], ['2', int32(2)], ['1', int32(3)]),
    odd('__proto__', ['__proto__', nested(['polluted', boolean(true)])], ['constructor', nullValue]),
    odd('dollars, dots and nothing', ['$set', int32(1)], ['a.b', int32(2)], ['', int32(3)], ['.', int32(4)]),
    odd('invalid UTF-8', ['text', string(Buffer.from([0x61, 0xff, 0xed, 0xa0, 0x80]))]),
    odd(
      'one, four times',
      ['double', double(1)],
      ['int', int32(1)],
      ['long', int64(1)],
      ['decimal', decimal('01')],
    ),
    odd('minus zero', ['v', double(-0)]),
    odd('NaN with a message inside', ['v', bits('7ff800000000beef')]),
    odd('a price of 1.0, which is not 1.00', ['v', decimal('0a', '303e')], ['w', decimal('64', '303c')]),
    odd('beyond 2^53', ['v', int64(9_007_199_254_740_993n)]),
    odd('a date that JavaScript cannot hold', ['v', date(8_640_000_000_000_001n)], ['w', date(-(2n ** 63n))]),
    odd('a timestamp of zero', ['v', timestamp(0n)], ['inner', nested(['v', timestamp(0n)])]),
    odd('types of old', ['symbol', symbol('s')], ['undefined', { type: 0x06, bytes: Buffer.alloc(0) }]),
    odd('100 levels deep', ['v', deep(99)]),
    odd('three megabytes', ['list', list(200_000)]),
  ];
}

function odd(name: string, ...fields: readonly Field[]): Buffer {
  return buildDocument([['_id', string(name)], ...fields]);
}

const nested = (...fields: readonly Field[]): RawElement => doc(buildDocument(fields));
/** By its bits, high word first. */
const bits = (hex: string): RawElement => ({ type: 0x01, bytes: Buffer.from(hex, 'hex').reverse() });
const decimal = (coefficient: string, exponent = '3040'): RawElement => ({
  type: 0x13,
  bytes: Buffer.from(exponent + coefficient.padStart(28, '0'), 'hex').reverse(),
});

function deep(levels: number): RawElement {
  let value = string('bottom');
  for (let level = 0; level < levels; level++) value = nested(['in', value]);
  return value;
}

function list(length: number): RawElement {
  return array(buildArray(Array.from({ length }, (_, n) => int64(n))));
}
