import { clusterTime } from '@waybill/shared/base/position';
import { expect, test } from 'vitest';
import { isPositionDue } from './idle.ts';

const state = (sinceMs: number, behindSeconds: number) => ({
  now: 50_000 + sinceMs,
  lastPushAt: 50_000,
  idleCommitMs: 10_000,
  pushed: clusterTime(1000, 3),
  reached: clusterTime(1000 + behindSeconds, 1),
});

test.each([
  ['the interval has passed', 10_000, 0, true],
  ['a no-op came ten seconds after the one committed', 1500, 10, true],
  ['the same, rounded down', 1500, 9, true],
  ['other databases move the position on', 1500, 5, false],
  ['a backlog races by', 500, 3600, false],
  ['nothing moves', 9_999, 0, false],
])(
  'an idle position is committed when %s: after %i ms, %i s of cluster time',
  (_when, since, behind, due) => {
    expect(isPositionDue(state(since, behind))).toBe(due);
  },
);
