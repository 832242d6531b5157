import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { formatBytes, formatCount, formatDuration, formatRate, formatShare } from './units.ts';

describe('units', () => {
  it.each([
    [0, '0 B'],
    [999, '999 B'],
    [1000, '1.0 KiB'],
    [1536, '1.5 KiB'],
    [1_048_576, '1.0 MiB'],
    [456 * 2 ** 20, '456 MiB'],
    [5 * 2 ** 30, '5.0 GiB'],
    [2 ** 60, '1024 PiB'],
  ])('bytes %d', (bytes, expected) => {
    expect(formatBytes(bytes)).toBe(expected);
  });

  it.each([
    [0, '0'],
    [999, '999'],
    [1000, '1,000'],
    [1_234_567.4, '1,234,567'],
  ])('count %d', (count, expected) => {
    expect(formatCount(count)).toBe(expected);
  });

  it.each([
    [0, '0 ms'],
    [850, '850 ms'],
    [999.6, '1.0 s'],
    [12_340, '12.3 s'],
    [59_949, '59.9 s'],
    [59_960, '1m 00s'],
    [245_000, '4m 05s'],
    [3_599_700, '1h 00m'],
    [7_380_000, '2h 03m'],
    [86_399_999, '1d 00h'],
    [273_600_000, '3d 04h'],
  ])('duration %d', (ms, expected) => {
    expect(formatDuration(ms)).toBe(expected);
  });

  it.each([
    [0, 0, '0 %'],
    [5, 0, '100 %'],
    [999, 1000, '99 %'],
    [1000, 1000, '100 %'],
    [1200, 1000, '100 %'],
  ])('share %d of %d', (part, whole, expected) => {
    expect(formatShare(part, whole)).toBe(expected);
  });

  it('never needs more than seven characters and a unit', () => {
    fc.assert(
      fc.property(fc.double({ min: 0, max: 2 ** 50, noNaN: true }), (value) => {
        expect(formatRate(value).length).toBeLessThanOrEqual('99.9 KiB/s'.length);
        expect(formatDuration(value)).not.toMatch(/60s|60m|24h|NaN/);
      }),
    );
  });
});
