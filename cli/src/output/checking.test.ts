import { expect, test } from 'vitest';
import { checkingLine } from './checking.ts';
import { RateMeter } from './rate.ts';

const stats = { commits: 10, commitsTotal: 40, bytes: 0, bytesTotal: 4 * 2 ** 20, records: 0 };

test('a check tells commits, and bytes where it reads them', () => {
  const rate = new RateMeter();
  checkingLine(stats, true, rate, 0);
  const half = { ...stats, bytes: 2 * 2 ** 20, records: 1234 };
  expect(checkingLine(half, true, rate, 1000)).toMatch(
    /^fsck .* 50 % {2}10\/40 commits {2}2\.0 MiB at 2\.0 MiB\/s {2}1,234 records {2}1\.0 s left$/,
  );
  const commits = new RateMeter();
  checkingLine({ ...stats, commits: 0 }, false, commits, 0);
  expect(checkingLine(stats, false, commits, 1000)).toMatch(/25 % {2}10\/40 commits {2}3\.0 s left$/);
});
