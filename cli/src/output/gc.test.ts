import type { GcReport } from '@waybill/audit/gc/gc';
import { expect, test } from 'vitest';
import { renderGc } from './gc.ts';

const report: GcReport = {
  bucket: 'file:///data/waybill',
  stream: 'default',
  minAgeSeconds: 604_800,
  deleted: false,
  count: 2,
  bytes: 3 * 2 ** 20,
  items: [
    { kind: 'segment', key: 'default/segments/a.avro', bytes: 2 ** 20, ageSeconds: 9 * 86_400 },
    { kind: 'checkpoint', key: 'default/checkpoints/100.json', bytes: 2 ** 21, ageSeconds: 60 },
  ],
  kept: { young: 1, youngBytes: 1024, foreign: 0 },
  unfinishedUploads: null,
};
const plain = (_style: unknown, text: string) => text;

test('a dry run says what it would delete and how to do it', () => {
  expect(renderGc(report, plain).split('\n')).toEqual([
    'garbage     file                            bytes     age',
    'segment     default/segments/a.avro       1.0 MiB  9d 00h',
    'checkpoint  default/checkpoints/100.json  2.0 MiB  1m 00s',
    '',
    'Would be deleted: 2 files, 3.0 MiB. Give --delete to do it.',
    'Kept: 1 files (1.0 KiB) that no commit names and that are too young.',
  ]);
});

test('a deletion says what it did', () => {
  const kept = { young: 0, youngBytes: 0, foreign: 3 };
  const deleted = { ...report, deleted: true, items: [], count: 0, bytes: 0, kept, unfinishedUploads: 2 };
  expect(renderGc(deleted, plain).split('\n')).toEqual([
    'Deleted: 0 files, 0 B.',
    'Removed what 2 uploads that never ended had left.',
    'Left alone: 3 files that Waybill did not make.',
  ]);
});
