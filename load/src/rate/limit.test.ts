import { describe, expect, it } from 'vitest';
import { formatRateLimit, parseRateLimit, readRateLimit } from './limit.ts';

describe('a limit as it is written', () => {
  it('may be left to the start of the load', () => {
    expect([parseRateLimit(null), parseRateLimit('default')]).toEqual([null, null]);
  });

  it.each([
    ['5000', { documents: 5000, bytes: null }, '5000/s'],
    ['5000/s', { documents: 5000, bytes: null }, '5000/s'],
    ['20MiB/s', { documents: null, bytes: 20 << 20 }, '20MiB/s'],
    ['20MiB', { documents: null, bytes: 20 << 20 }, '20MiB/s'],
    ['1.5 mb/s', { documents: null, bytes: 1_500_000 }, '1500000B/s'],
    ['5000/s, 20MiB/s', { documents: 5000, bytes: 20 << 20 }, '5000/s,20MiB/s'],
    ['64kib,10', { documents: 10, bytes: 65_536 }, '10/s,64KiB/s'],
    ['none', { documents: null, bytes: null }, 'none'],
  ])('%s', (text, limit, canonical) => {
    expect(readRateLimit(text)).toEqual(limit);
    expect(formatRateLimit(limit)).toBe(canonical);
    expect(readRateLimit(canonical)).toEqual(limit);
  });

  it.each(['', '0', '0/s', '-5', '5/m', '5000,6000', '1MiB,2MiB', 'fast', '5000/s,', '0.5', '5x/s', '9e9'])(
    'is not %j',
    (text) => {
      expect(readRateLimit(text)).toBeUndefined();
      expect(() => parseRateLimit(text)).toThrow(expect.objectContaining({ code: 'CONFIG_INVALID' }));
    },
  );
});
