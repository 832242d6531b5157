import fc from 'fast-check';
import { expect, it } from 'vitest';
import { fromObject } from '../../bson/build.ts';
import { cut } from './range-plan.ts';

it('cuts into ranges that meet and leave no gap, with about as many samples each', () => {
  fc.assert(
    fc.property(fc.nat(200), fc.integer({ min: 1, max: 40 }), (samples, wanted) => {
      const ids = Array.from({ length: samples }, (_, _id) => fromObject({ _id }));
      const ranges = cut(ids, wanted);
      expect(ranges.length).toBeGreaterThanOrEqual(1);
      expect(ranges.length).toBeLessThanOrEqual(wanted);
      expect(ranges[0]?.lower).toBeNull();
      expect(ranges.at(-1)?.upper).toBeNull();
      for (const [index, { upper }] of ranges.slice(0, -1).entries()) {
        expect(upper).not.toBeNull();
        expect(ranges[index + 1]?.lower).toBe(upper);
      }
      if (samples >= wanted) {
        expect(ranges.length).toBeGreaterThanOrEqual(Math.max(1, wanted - 1));
      }
    }),
  );
});
