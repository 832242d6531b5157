import { fromObject } from '@waybill/shared/bson/build';
import { expect, it } from 'vitest';
import { IndexEntries } from './index-entries.ts';

const entries = new IndexEntries(100);
entries.add('a.b', 'deep', fromObject({ key: { 'x.y': 1 } }));
entries.add('a.b', 'two', fromObject({ key: { p: 1, q: -1 } }));
const text = (bytes: number): string => 'x'.repeat(bytes - 5);

it.each([
  [{ x: { y: text(100) } }, false],
  [{ x: { y: text(101) } }, true],
  [{ x: [{ y: text(60) }, { y: text(60) }, 7] }, false],
  [{ x: [{ y: [text(60), text(101)] }] }, true],
  [{ p: text(60), q: text(40) }, false],
  [{ p: text(60), q: text(41) }, true],
  [{ other: text(500) }, false],
])('finds entries that are too large (%#)', (document, isTooLarge) => {
  expect(entries.isTooLarge('a.b', fromObject({ _id: 1, ...document }))).toBe(isTooLarge);
  expect(entries.isTooLarge('a.c', fromObject({ _id: 1, ...document }))).toBe(false);
});
