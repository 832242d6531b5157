import type { FsckReport } from '@waybill/audit/fsck/fsck';
import { expect, test } from 'vitest';
import { renderFsck } from './fsck.ts';

const whole: FsckReport = {
  bucket: 'file:///data/waybill',
  stream: 'default',
  deep: true,
  whole: true,
  logs: [{ log: 'default', commits: 1200, epoch: 2 }],
  lastSequence: 5000,
  segments: { count: 30, bytes: 3 * 2 ** 20, records: 7000 },
  decodedRecords: 7000,
  orphans: { count: 0, bytes: 0 },
  damages: 0,
  counts: {},
  findings: [],
  seconds: 1.5,
};
const plain = (_style: unknown, text: string) => text;

test('a whole stream is one verdict', () => {
  expect(renderFsck(whole, plain)).toBe(
    [
      'log      commits  epoch',
      'default    1,200      2',
      '',
      'Whole: 30 segments, 3.0 MiB, 7,000 records; every hash, and 7,000 records decoded. (1.5 s)',
    ].join('\n'),
  );
});

test('findings stand in a table, with one advice a kind', () => {
  const missing = (n: number) => ({
    kind: 'segment-missing' as const,
    severity: 'damage' as const,
    key: `default/segments/${n}.avro`,
    detail: 'commit 7 names it',
    advice: 'Restore it.',
  });
  const report = {
    ...whole,
    whole: false,
    damages: 3,
    counts: { 'segment-missing': 3 },
    findings: [missing(1), missing(2)],
  };
  expect(renderFsck(report, plain).split('\n').slice(3)).toEqual([
    'finding          file                     what is wrong',
    'segment-missing  default/segments/1.avro  commit 7 names it',
    'segment-missing  default/segments/2.avro  commit 7 names it',
    '',
    'segment-missing: Restore it.',
    '',
    'and 1 more findings',
    '',
    'Damaged: 3 findings. 30 segments, 3.0 MiB, 7,000 records. (1.5 s)',
  ]);
});
