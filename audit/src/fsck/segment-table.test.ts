import fc from 'fast-check';
import { expect, it } from 'vitest';
import { SegmentTable } from './segment-table.ts';

it('holds what a map holds, through every growth', () => {
  const keys = fc.uniqueArray(fc.string(), { maxLength: 5000, minLength: 0, size: 'max' });
  fc.assert(
    fc.property(keys, (all) => {
      const table = new SegmentTable();
      const inside = all.filter((_, i) => i % 3 > 0);
      inside.forEach((key, i) => {
        table.add(key, i);
        if (i % 2 === 0) expect(table.mark(key)).toBe(true);
      });
      expect(table.size).toBe(inside.length);
      inside.forEach((key, i) => {
        expect([table.bytesOf(key), table.isMarked(key)]).toEqual([i, i % 2 === 0]);
        expect(table.mark(key)).toBe(i % 2 !== 0);
      });
      for (const key of all.filter((_, i) => i % 3 === 0)) {
        expect([table.has(key), table.bytesOf(key), table.isMarked(key)]).toEqual([false, undefined, false]);
      }
    }),
    { numRuns: 30 },
  );
});
