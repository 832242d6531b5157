import type { VerifyReport } from '@waybill/load/verify/report';
import { expect, it } from 'vitest';
import { renderVerification } from './verification.ts';

const collection = {
  namespace: 'shop.orders',
  sourceDocuments: 100,
  targetDocuments: 100,
  bytes: 1000,
  missing: 0,
  extra: 0,
  different: 0,
  changing: 0,
  canonical: 0,
  settled: 0,
  letters: 0,
  duplicates: 0,
};

const report = (
  more: Partial<typeof collection>,
  scope: Partial<VerifyReport['scope']> = {},
): VerifyReport => ({
  same: true,
  startedAt: '2026-11-20T10:00:00Z',
  seconds: 1,
  scope: { patterns: null, collections: 1, views: 1, timeSeries: [], leftOut: ['users'], ...scope },
  collections: [{ ...collection, ...more }],
  structure: [],
  differences: [],
});
const text = (each: VerifyReport) => renderVerification(each, (_style, part) => part);

it('explains counts that differ though nothing is missing: what came and went meanwhile', () => {
  const moved = text(report({ targetDocuments: 103, settled: 4 }));
  expect(moved).toMatch(
    /counts differ where documents came or went .*; 4 that differed at first .* were the same/,
  );
  expect(text(report({}))).not.toContain('counts differ');
  // These are explained by what is missing.
  expect(text(report({ targetDocuments: 98, missing: 2 }))).not.toContain('counts differ');
});

it('says for how many documents the form of a value mattered', () => {
  expect(text(report({}))).toContain('Same: every document byte for byte, and collections');
  expect(text(report({}))).not.toContain('form');
  const canonical = text(report({ canonical: 7 }));
  expect(canonical).toMatch(/^collection .* other form$/m);
  expect(canonical).toContain(
    'Same: every document byte for byte, but for values that the target keeps in another form, which 7 documents have, and',
  );
});

it('says what was compared, and what not', () => {
  expect(text(report({}))).toContain('compared: 1 collection and 1 view of all databases\nleft out: users\n');
  expect(text(report({}, { timeSeries: ['shop.weather'] }))).toContain(
    'not compared: time series shop.weather',
  );
  const nothing = { ...report({}, { collections: 0, views: 0 }), same: false, collections: [] };
  expect(text(nothing)).toContain('Nothing was compared');
});
