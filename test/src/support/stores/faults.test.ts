import { describe, expect, it } from 'vitest';
import { FAULTS, FaultPlan } from './faults.ts';

const ALL = new Set(FAULTS);
const draws = (seed: number, count = 2000) => {
  const plan = new FaultPlan(seed);
  plan.set({ latency: 0.1, truncated: 0.1, 'slow-down': 0.05 });
  return Array.from({ length: count }, () => plan.draw(ALL));
};

describe('the plan of faults', () => {
  it('is the same for the same seed, and another for another', () => {
    expect(draws(7)).toEqual(draws(7));
    expect(draws(7)).not.toEqual(draws(8));
  });

  it('draws what has a rate, about so often, and overload in bursts', () => {
    const drawn = draws(1, 20_000);
    const count = (fault: string) => drawn.filter((each) => each === fault).length;
    expect(count('latency')).toBeGreaterThan(1_300);
    expect(count('latency')).toBeLessThan(2_300);
    expect(count('truncated')).toBeGreaterThan(1_300);
    expect(count('reset-before')).toBe(0);
    const again = drawn.filter((each, i) => each === 'slow-down' && drawn[i - 1] === 'slow-down').length;
    expect(again).toBeGreaterThan(count('slow-down') / 3);
  });

  it('draws nothing that cannot happen to the request, and nothing once it is quiet', () => {
    const plan = new FaultPlan(3);
    plan.set({ 'stale-list': 0.5, 'reset-before': 0.5 });
    for (let i = 0; i < 100; i++) expect(plan.draw(new Set(['reset-before']))).not.toBe('stale-list');
    plan.set({ 'slow-down': 1 });
    expect(plan.draw(ALL)).toBe('slow-down');
    plan.set({});
    for (let i = 0; i < 100; i++) expect(plan.draw(ALL)).toBeUndefined();
  });
});
