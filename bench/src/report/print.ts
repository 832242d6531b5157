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
  const beside = measure.peer.length > 0;
  return [
    measure.name,
    format(middle(measure.waybill), measure.unit),
    measure.peerName,
    beside ? format(middle(measure.peer), measure.unit) : '',
    beside ? measure.value.toFixed(2) : '',
    boundCell(measure, 'must'),
    boundCell(measure, 'aim'),
    verdictCell(measure),
  ];
}

function boundCell({ bound, peer, unit }: Judged, level: 'must' | 'aim'): string {
  if (!bound) return '';
  const value = peer.length > 0 ? bound[level] : format(bound[level], unit);
  return `${bound.direction === 'atMost' ? '≤' : '≥'} ${value}`;
}

function verdictCell({ verdict }: Judged): string {
  if (verdict === 'no bound') return '';
  return verdict === 'missed' ? 'MISSED' : `reaches ${verdict}`;
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
