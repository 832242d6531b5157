import { sampleChanges } from '@waybill/test/support/manifest/samples';
import { sampleRecord } from '@waybill/test/support/segment/testing';
import { expect, it } from 'vitest';
import { ChangeContent } from './change-content.ts';

it('a sequence that is there twice is found, though the count is right', () => {
  const content = new ChangeContent(sampleChanges(1, 4), { lanes: null, collections: new Map() });
  content.take({ kind: 'changes', lane: 0, records: [1, 3].map((sequence) => sampleRecord(sequence)) });
  content.take({ kind: 'changes', lane: 1, records: [3, 4].map((sequence) => sampleRecord(sequence)) });
  expect([...content.faults()]).toContainEqual({
    kind: 'segment-content',
    detail: '1 sequences are there twice, so others are not',
  });
});

it('a claim of more records than any segment has takes no memory', () => {
  const entry = { ...sampleChanges(1, 1), records: Number.MAX_SAFE_INTEGER };
  const content = new ChangeContent(entry, { lanes: null, collections: new Map() });
  content.take({ kind: 'changes', lane: 0, records: [{ ...sampleRecord(1), sequence: 2 ** 40 }] });
  expect(content.records).toBe(1);
});
