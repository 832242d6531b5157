import Table from 'cli-table3';
import type { Judged } from './measure.ts';

export const REPORT_HEAD = [
  'measure',
  'waybill',
  'beside',
  'figure',
  'ratio',
  'must',
  'aim',
  'verdict',
] as const;

export function printReport(measures: readonly Judged[]): void {
  const table = new Table({
    head: [...REPORT_HEAD],
    style: { head: [], border: [] },
    colAligns: ['left', 'right', 'left', 'right', 'right', 'right', 'right', 'left'],
  });
  for (const measure of measures) table.push(reportRow(measure));
  process.stdout.write(`${table.toString()}\n`);
}

/** The cells of one measure, as {@link REPORT_HEAD} names them. */
export function reportRow(measure: Judged): string[] {
  const middle = (figures: readonly number[]): number =>
    [...figures].sort((a, b) => a - b)[Math.floor((figures.length - 1) / 2)] as number;
  const sign = measure.bound.direction === 'atMost' ? '≤' : '≥';
  const beside = measure.peer.length > 0;
  const bound = (value: number): string => `${sign} ${beside ? value : format(value, measure.unit)}`;
  return [
    measure.name,
    format(middle(measure.waybill), measure.unit),
    measure.peerName,
    beside ? format(middle(measure.peer), measure.unit) : '',
    beside ? measure.value.toFixed(2) : '',
    bound(measure.bound.must),
    bound(measure.bound.aim),
    measure.verdict === 'missed' ? 'MISSED' : `reaches ${measure.verdict}`,
  ];
}

function format(figure: number, unit: Judged['unit']): string {
  switch (unit) {
    case 's':
      return `${figure.toFixed(2)} s`;
    case 'ms':
      return `${Math.round(figure)} ms`;
    case 'bytes':
      return `${Math.round(figure / 1024 ** 2)} MiB`;
    case 'events/s':
      return `${Math.round(figure)}/s`;
  }
}
