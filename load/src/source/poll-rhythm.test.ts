import { describe, expect, it } from 'vitest';
import { PollRhythm } from './poll-rhythm.ts';

/** Looks as the rhythm says, at commits of these moments; tells how late each was found, and how many looks it took. */
function follow(commits: readonly number[], until: number): { late: number[]; looks: number } {
  const rhythm = new PollRhythm(200);
  const late: number[] = [];
  let looks = 0;
  let next = 0;
  for (let now = 0; now < until; now += rhythm.pauseMs(now)) {
    looks++;
    const found = commits.filter((at, index) => index >= next && at <= now);
    next += found.length;
    for (const at of found) late.push(now - at);
    if (found.length > 0) rhythm.found(found.length, now);
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

  it('looks at even distances where nothing comes', () => {
    expect(follow([], 10_000).looks).toBe(50);
    const { late, looks } = follow(every(10_000, 5), 50_000);
    expect(Math.max(...late)).toBeLessThanOrEqual(200);
    expect(looks).toBeLessThanOrEqual(250);
  });

  it('follows a stream that becomes faster, and loses at most the longest pause', () => {
    const commits = [...every(1000, 10), ...every(120, 100, 9500)];
    const { late } = follow(commits, 22_000);
    expect(late).toHaveLength(110);
    expect(Math.max(...late)).toBeLessThanOrEqual(800);
    expect(Math.max(...late.slice(-50))).toBeLessThanOrEqual(200);
  });
});
