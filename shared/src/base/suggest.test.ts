import { describe, expect, it } from 'vitest';
import { closest, editDistance } from './suggest.ts';

describe('closest', () => {
  it.each([
    ['buket', 'bucket'],
    ['taregt', 'target'],
    ['chunksize', 'chunk-size'],
    ['SOURCE', 'source'],
    ['potato', undefined],
    ['x', undefined],
  ])('%s → %s', (unknown, expected) => {
    expect(closest(unknown, ['bucket', 'target', 'chunk-size', 'source'])).toBe(expected);
  });

  it('counts a swap of neighbours once', () => {
    expect(editDistance('ab', 'ba')).toBe(1);
    expect(editDistance('', 'abc')).toBe(3);
    expect(editDistance('kitten', 'sitting')).toBe(3);
  });
});
