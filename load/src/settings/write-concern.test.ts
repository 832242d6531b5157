import { expect, it } from 'vitest';
import { parseWriteConcern, riskOf } from './write-concern.ts';

it('takes majority, a number of members, or the name of a rule', () => {
  expect(['majority', '1', '3', 'twoZones'].map(parseWriteConcern)).toEqual(['majority', 1, 3, 'twoZones']);
});

it.each(['', '0', '51', '-1', '1.5', '{w:1}', 'two zones'])('refuses %j', (text) => {
  expect(() => parseWriteConcern(text)).toThrow(expect.objectContaining({ code: 'CONFIG_INVALID' }));
});

it('knows a risk of everything but a majority', () => {
  expect(riskOf('majority')).toBeNull();
  for (const weak of ['1', 1, 'twoZones']) expect(riskOf(weak)).toContain('an election may lose batches');
  expect(riskOf(1)).toContain('only verify finds the loss');
});
