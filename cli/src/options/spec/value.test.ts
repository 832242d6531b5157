import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { OptionSpec } from './option.ts';
import { formatDefault, parseValue } from './value.ts';

const spec = (type: OptionSpec['type'], more: Partial<OptionSpec> = {}): OptionSpec => ({
  type,
  group: '',
  commands: [],
  describe: '',
  ...more,
});

it.each([
  ['size', 64 * 2 ** 20, '64MiB'],
  ['size', 1000, '1000'],
  ['duration', 604_800_000, '7d'],
  ['duration', 90_000, '90s'],
  ['duration', 250, '250ms'],
  ['duration', 0, '0'],
  ['integer', 5000, '5000'],
  ['string', 'default', 'default'],
] as const)('writes a default of %s, %j, as %s', (type, value, written) => {
  expect(formatDefault(spec(type, { default: value }))).toBe(written);
  expect(parseValue(spec(type), written)).toBe(value);
});

describe('parseValue', () => {
  it.each([
    ['size', '8MiB', 8 * 2 ** 20],
    ['size', '64 mb', 64_000_000],
    ['size', '1.5GiB', 1.5 * 2 ** 30],
    ['size', 65_536, 65_536],
    ['rate', '5000', '5000/s'],
    ['rate', 5000, '5000/s'],
    ['rate', '20mib/s,5000', '5000/s,20MiB/s'],
    ['rate', 'none', 'none'],
    ['duration', '500ms', 500],
    ['duration', '30s', 30_000],
    ['duration', '1.5m', 90_000],
    ['duration', '0', 0],
    ['integer', '16', 16],
    ['integer', 16, 16],
    ['limit', '16', 16],
    ['limit', 'unlimited', Number.POSITIVE_INFINITY],
    ['boolean', 'yes', true],
    ['boolean', false, false],
    ['list', 'a.b, c', ['a.b', 'c']],
    ['list', ['with,comma'], ['with,comma']],
    ['string', 7, '7'],
  ] as const)('reads %s %j', (type, raw, expected) => {
    expect(parseValue(spec(type), raw)).toEqual(expected);
  });

  it.each([
    ['size', '12 potatoes'],
    ['size', '0.3b'],
    ['size', '-1'],
    ['size', ''],
    ['size', '1e3'],
    ['size', true],
    ['duration', '30'],
    ['duration', 30],
    ['duration', 'soon'],
    ['rate', '5000/m'],
    ['rate', 0],
    ['integer', '1.5'],
    ['integer', '0x10'],
    ['integer', 'NaN'],
    ['limit', 'much'],
    ['boolean', 'maybe'],
    ['list', 'a,,b'],
    ['list', [1]],
    ['list', { a: 1 }],
    ['string', ['a', 'b']],
  ] as const)('refuses %s %j', (type, raw) => {
    expect(() => parseValue(spec(type), raw)).toThrow(/^is not /);
  });

  it('keeps within the bounds, and says them', () => {
    const bounded = spec('integer', { min: 1, max: 64 });
    expect(parseValue(bounded, '64')).toBe(64);
    expect(() => parseValue(bounded, '65')).toThrow('is not a whole number, at most 64');
    expect(() => parseValue(bounded, '0')).toThrow('is not a whole number, at least 1');
  });

  it('knows the choices, among them the one that YAML reads as null', () => {
    const codec = spec('enum', { choices: ['zstandard', 'null'] });
    expect(parseValue(codec, null)).toBe('null');
    expect(() => parseValue(codec, 'zip')).toThrow('is not one of zstandard, null');
  });

  it('reads every whole number of bytes and of milliseconds back', () => {
    fc.assert(
      fc.property(fc.nat({ max: 2 ** 31 }), (value) => {
        expect(parseValue(spec('size'), `${value}`)).toBe(value);
        expect(parseValue(spec('duration'), `${value}ms`)).toBe(value);
      }),
    );
  });
});
