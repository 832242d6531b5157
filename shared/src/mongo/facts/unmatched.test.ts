import { expect, it } from 'vitest';
import { parsePattern } from './namespace-filter.ts';
import { isNamed, namesAny, suggestPattern, unmatchedPatterns } from './unmatched.ts';

const names = ['shop.orders', 'shop.users', 'crm.a.b'];

it('finds patterns that name nothing, by name and by glob', () => {
  const patterns = ['shop', 'shop.o*', 'crm.a.b', 'c*', 'shpo', 'Shop', 'shop.order', 'shop.x*', 'shop.user'];
  expect(unmatchedPatterns(patterns, names)).toEqual(['shpo', 'Shop', 'shop.order', 'shop.x*', 'shop.user']);
  expect(unmatchedPatterns([], names)).toEqual([]);
});

it.each([
  ['shpo', 'shop'],
  ['Shop', 'shop'],
  ['shop.order', 'shop.orders'],
  ['shop.*', undefined],
  ['nothing.like.it', undefined],
])('suggests for %s: %s', (pattern, suggestion) => {
  expect(suggestPattern(pattern, names)).toBe(suggestion);
});

it('takes a database for named by whatever names something in it', () => {
  expect(isNamed(parsePattern('shop.orders'), 'shop')).toBe(true);
  expect(isNamed(parsePattern('shop.orders'), 'crm')).toBe(false);
  expect(namesAny(parsePattern('crm.a.*'), new Set(names))).toBe(true);
});
