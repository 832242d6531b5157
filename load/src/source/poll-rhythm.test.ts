import { describe, expect, it } from 'vitest';
import { PollRhythm } from './poll-rhythm.ts';

/**
 * Looks as the rhythm says, at commits of these moments; tells how late each was found, and how
 * many looks it took.
 */
function follow(
  commits: readonly number[],
  until: number,
  changes = true,
): { late: number[]; looks: number } {
  const rhythm = new PollRhythm({ pollMs: 200, idlePoll: 2000 }, 0);
  const late: number[] = [];
  let looks = 0;
  let next = 0;
  for (let now = 0; now < until; now += rhythm.pauseMs(now)) {
    looks++;
    const found = commits.filter((at, index) => index >= next && at <= now);
    next += found.length;
    for (const at of found) late.push(now - at);
    if (found.length > 0) rhythm.found(found.length, changes, now);
  }
  return { late, looks };
}

const every = (ms: number, count: number, from = 90): number[] =>
  Array.from({ length: count }, (_, index) => from + index * ms);

describe('PollRhythm', () => {
  it('finds the commits of a steady stream soon, with at most five looks a second', () => {
    const { late, looks } = follow(every(1037, 30), 31_000);
    expect(late).toHaveLength(30);
    expect(Math.max(...late.slice(5))).toBeLessThanOrEqual(100);
    expect(looks).toBeLessThan(31 * 5);
  });

  it('looks at even distances where nothing comes for a while', () => {
    expect(follow([], 4000).looks).toBe(20);
    const { late, looks } = follow(every(4000, 10), 40_000);
    expect(Math.max(...late)).toBeLessThanOrEqual(200);
    expect(looks).toBeLessThanOrEqual(200);
  });

  it('looks less and less often at a stream that says only how far it is, down to the bound', () => {
    const hour = 3_600_000;
    const { late, looks } = follow(every(10_000, 360), hour, false);
    expect(late).toHaveLength(360);
    expect(looks).toBeLessThan(hour / 2000 + 100);
    expect(Math.max(...late)).toBeLessThanOrEqual(2000);
  });

  it('sees a change after a silence by a twentieth of it, and then follows as before', () => {
    const commits = [100, ...every(1000, 20, 20_100)];
    const { late } = follow(commits, 45_000);
    expect(late[1]).toBeLessThanOrEqual(1000);
    expect(Math.max(...late.slice(6))).toBeLessThanOrEqual(100);
  });

  it('follows a stream that becomes faster, and loses at most the longest pause', () => {
    const commits = [...every(1000, 10), ...every(120, 100, 9500)];
    const { late } = follow(commits, 22_000);
    expect(late).toHaveLength(110);
    expect(Math.max(...late)).toBeLessThanOrEqual(800);
    expect(Math.max(...late.slice(-50))).toBeLessThanOrEqual(200);
  });
});
