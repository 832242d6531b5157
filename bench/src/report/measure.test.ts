import { expect, test } from 'vitest';
import { judge, percentile } from './measure.ts';

const base = { name: 'x', unit: 's', peerName: 'peer' } as const;

test('the ratio is taken round by round, and its median is held against the bound', () => {
  const judged = judge({
    ...base,
    waybill: [2, 30, 6],
    peer: [4, 10, 4],
    bound: { direction: 'atMost', must: 1.5, aim: 1 },
  });
  expect(judged.value).toBe(1.5);
  expect(judged.verdict).toBe('must');
});

test('a bound that is not reached is missed, in either direction', () => {
  const atLeast = { direction: 'atLeast', must: 5, aim: 15 } as const;
  expect(judge({ ...base, waybill: [4.9], peer: [1], bound: atLeast }).verdict).toBe('missed');
  expect(judge({ ...base, waybill: [15], peer: [1], bound: atLeast }).verdict).toBe('aim');
  expect(
    judge({ ...base, waybill: [3], peer: [], bound: { direction: 'atMost', must: 2, aim: 1 } }).verdict,
  ).toBe('missed');
});

test('what has no bound cannot miss it, and has its ratio all the same', () => {
  const judged = judge({ ...base, waybill: [9, 1], peer: [3, 1] });
  expect(judged.value).toBe(1);
  expect(judged.verdict).toBe('no bound');
});

test('percentiles are of nearest rank', () => {
  const figures = Array.from({ length: 100 }, (_, index) => 100 - index);
  expect(percentile(figures, 0.99)).toBe(99);
  expect(percentile(figures, 0.5)).toBe(50);
  expect(percentile([7], 0.99)).toBe(7);
});
