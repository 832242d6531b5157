import { expect, test } from 'vitest';
import { comparingLine } from './comparing.ts';
import { RateMeter } from './rate.ts';

test('a comparison tells how far it is, how fast, and what it looks at again', () => {
  const rate = new RateMeter();
  const stats = { documents: 0, documentsTotal: 0, bytes: 0, bytesTotal: 0, suspects: 0, rechecking: 0 };
  expect(comparingLine({ ...stats, collection: '' }, rate, 0)).toBe('');
  const running = { ...stats, collection: 'shop.orders', documentsTotal: 400, bytesTotal: 4 * 2 ** 20 };
  comparingLine(running, rate, 0);
  const half = { ...running, documents: 200, bytes: 2 * 2 ** 20, suspects: 3, rechecking: 2 };
  expect(comparingLine(half, rate, 1000)).toMatch(
    /50 % {2}200\/400 documents {2}2\.0 MiB at 2\.0 MiB\/s {2}1\.0 s left {2}looking again at 2$/,
  );
});
