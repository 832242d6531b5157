import { describe, expect, it } from 'vitest';
import { clusterTime } from '../base/position.ts';
import { decodePosition, encodePosition, positionAt, timeOf } from './position.ts';
import { positionSchema } from './schema.ts';

const HASH = '0123456789abcdef';
const TIME = clusterTime(1_700_000_000, 7);
const FULL = {
  clusterTime: TIME,
  resumeToken: Buffer.from([5, 0, 0, 0, 0]),
  taken: 3,
  lastEvent: clusterTime(1_699_999_999, 1),
};

describe('a position in the manifest', () => {
  it('comes back as it was, in the form that the schema takes', () => {
    for (const position of [FULL, positionAt(TIME), positionAt(TIME, FULL.resumeToken)]) {
      const committed = positionSchema.parse(encodePosition(position, HASH));
      expect(decodePosition(committed, HASH)).toEqual(position);
    }
  });

  it('leaves out what is zero or unknown', () => {
    expect(encodePosition(positionAt(TIME), HASH)).toEqual({
      clusterTime: '1700000000:7',
      resumeToken: null,
      options: HASH,
    });
  });

  it('knows no last event for other options, but still the token and the count', () => {
    const other = decodePosition(encodePosition(FULL, HASH), 'other');
    expect(other).toEqual({ ...FULL, lastEvent: null });
  });

  it('refuses a time that is none', () => {
    const damaged = { clusterTime: '7', resumeToken: null, options: HASH };
    expect(() => decodePosition(damaged, HASH)).toThrow('a committed position has the time 7');
  });

  it('tells the time of what has one', () => {
    expect(timeOf({ clusterTime: '1700000000:7' })).toBe(TIME);
    expect([timeOf(null), timeOf(undefined), timeOf({ clusterTime: null })]).toEqual([null, null, null]);
  });
});
