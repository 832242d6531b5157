import { createLoadStats } from '@waybill/shared/base/stats';
import { expect, test } from 'vitest';
import type { CommandContext } from './command.ts';
import { type Summary, summarize, summaryLines } from './summary.ts';

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

test('a load names the unique indexes of the target that kept documents out, if any did', () => {
  const context = { options: { stream: 'default', load: 'default' } } as CommandContext;
  const stats = createLoadStats();
  expect(summarize(context, stats, 'caught-up')).not.toHaveProperty('conflicts');
  const email = { namespace: 'shop.orders', index: 'email_1', met: 1200, solved: 9, refused: 3 };
  stats.trouble.conflicts.set('shop.orders email_1', email);
  const told = summarize(context, stats, 'caught-up');
  expect(told.conflicts).toEqual([email]);
  expect(summaryLines(told).split('\n').slice(1)).toEqual([
    'unique index shop.orders email_1: kept documents out 1,200 times, 9 written later, 3 refused',
  ]);
});

test.each([
  [0, ''],
  [1, '\n1 dead letter open: the target lacks these states; waybill dead-letters list shows why'],
  [1200, '\n1,200 dead letters open: the target lacks these states; waybill dead-letters list shows why'],
])('a load says that it has put %d records aside', (deadLettersOpen, said) => {
  expect(summaryLines({ ...summary, command: 'load', deadLettersOpen })).toBe(
    `load: stopped; 3 changes, in 2.0 s; watermark none${said}`,
  );
});
