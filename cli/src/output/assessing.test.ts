import { expect, test } from 'vitest';
import { assessingLine } from './assessing.ts';
import { RateMeter } from './rate.ts';

test('an assessment tells documents and bytes', () => {
  const stats = { documents: 0, changedDocuments: 0, bytes: 0, bytesTotal: 4 * 2 ** 20 };
  const rate = new RateMeter();
  assessingLine(stats, rate, 0);
  const half = { ...stats, documents: 1200, changedDocuments: 34, bytes: 2 * 2 ** 20 };
  expect(assessingLine(half, rate, 1000)).toMatch(
    /^assess .* 50 % {2}1,234 documents {2}2\.0 MiB at 2\.0 MiB\/s$/,
  );
});
