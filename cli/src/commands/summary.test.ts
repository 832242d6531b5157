import { expect, test } from 'vitest';
import { type Summary, summaryLines } from './summary.ts';

const summary: Summary = {
  command: 'capture',
  ended: 'stopped',
  stream: 'default',
  changes: 3,
  sequence: 9,
  watermark: null,
  seconds: 2,
};

test.each([
  [
    'a whole snapshot',
    { documents: 5000, documentBytes: 2048, earlierDocuments: 0 },
    '5,000 documents (2.0 KiB), ',
  ],
  [
    'the rest of one',
    { documents: 2000, documentBytes: 2048, earlierDocuments: 3000 },
    '2,000 documents (2.0 KiB, after 3,000 of earlier runs), ',
  ],
  [
    'none of it',
    { documents: 0, documentBytes: 0, earlierDocuments: 5000 },
    'no more documents (after 5,000 of earlier runs), ',
  ],
  ['nothing of a snapshot done before', {}, ''],
])('a run claims what it copied itself: %s', (_what, part, said) => {
  expect(summaryLines({ ...summary, ...part })).toBe(
    `capture: stopped; ${said}3 changes, in 2.0 s; watermark none`,
  );
});
