import { expect, it } from 'vitest';
import { parseWriteConcern } from './write-concern.ts';

it('takes majority, a number of members, or the name of a rule', () => {
  expect(['majority', '1', '3', 'twoZones'].map(parseWriteConcern)).toEqual(['majority', 1, 3, 'twoZones']);
});

it.each(['', '0', '51', '-1', '1.5', '{w:1}', 'two zones'])('refuses %j', (text) => {
  expect(() => parseWriteConcern(text)).toThrow(expect.objectContaining({ code: 'CONFIG_INVALID' }));
});
