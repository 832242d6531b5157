import { expect, test } from 'vitest';
import { sideBySide } from './side-by-side.ts';

test('after a failure nothing is begun, and nothing is under way', async () => {
  const begun: number[] = [];
  let underWay = 0;
  const work = async (item: number): Promise<void> => {
    begun.push(item);
    underWay++;
    await new Promise((resolve) => setTimeout(resolve, item === 1 ? 1 : 50));
    underWay--;
    if (item === 1) throw new Error('refused');
  };
  await expect(sideBySide([0, 1, 2, 3, 4, 5, 6, 7, 8, 9], 3, work)).rejects.toThrow('refused');
  expect(underWay).toBe(0);
  const atFailure = begun.length;
  await new Promise((resolve) => setTimeout(resolve, 100));
  expect(begun).toHaveLength(atFailure);
  expect(atFailure).toBeLessThan(6);
});
