import type { AssessReport } from '@waybill/load/assess/assessment';
import type { AssessFinding } from '@waybill/load/assess/findings';
import { expect, it } from 'vitest';
import { markdownAssessment, renderAssessment } from './assessment.ts';

const refused: AssessFinding = {
  rule: 'id-type',
  level: 'refused',
  of: 'documents',
  what: 'type of _id',
  detail: 'date',
  count: 1200,
  example: 'shop.a|b',
  namespaces: 3,
  advice: 'Give them others.',
};
const altered: AssessFinding = {
  ...refused,
  rule: 'value-form',
  level: 'altered',
  detail: null,
  namespaces: 1,
};
const report = (
  findings: readonly AssessFinding[],
  more: Partial<AssessReport['looked']> = {},
): AssessReport => ({
  targetKind: 'firestore',
  target: 'Firestore',
  looked: {
    at: 'stream',
    place: 'default of file:///data',
    collections: 1,
    views: 0,
    indexes: 2,
    documents: 1200,
    changedDocuments: 3,
    structureChanges: 1,
    bytes: 2048,
    sampled: [],
    ...more,
  },
  taken: !findings.includes(refused),
  findings,
  seconds: 1,
});
const text = (each: AssessReport) => renderAssessment(each, (_style, part) => part);

it('shows what was looked at, each finding, and what to do about it', () => {
  const lines = text(report([refused, altered])).split('\n');
  expect(lines[1]).toBe(
    'looked at: stream default of file:///data: 1 collection, 0 views, 2 indexes, 1,200 documents, 3 changed documents, 1 change of structure, 2.0 KiB',
  );
  expect(lines[4]).toBe('refused  id-type     type of _id: date  1,200  shop.a|b and 2 more');
  expect(lines[5]).toBe('altered  value-form  type of _id        1,200  shop.a|b');
  expect(lines).toContain('id-type, value-form: Give them others.');
  expect(lines.at(-1)).toBe('Firestore would refuse some of it: 1 finding. (1.0 s)');
});

it('says what a source was sampled, and that the rest was not looked at', () => {
  const sampled = [{ namespace: 'shop.orders', documents: 10, of: 2000 }];
  const shown = text(report([altered], { at: 'source', place: 'mongodb://one', sampled }));
  expect(shown).toContain('mongodb://one: 1 collection, 0 views, 2 indexes, 1,200 documents, 2.0 KiB');
  expect(shown).toContain('sampled, not read whole: shop.orders (10 of about 2,000)');
  expect(shown).toContain(
    'refuses what was looked at. Some of it would stand there in another form. A part of the documents',
  );
});

it('tells a page by Markdown, in which a name breaks no table', () => {
  const page = markdownAssessment(report([refused]));
  expect(page).toContain('# Assessment for Firestore\n');
  expect(page).toContain(
    '| refused | id-type | type of _id: date | 1,200 | shop.a\\|b and 2 more | Give them others. |\n',
  );
  expect(page.endsWith('**Firestore would refuse some of it: 1 finding.**')).toBe(true);
  expect(markdownAssessment(report([]))).toContain('**No rule that is known of Firestore refuses');
});
