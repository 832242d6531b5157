/** Shows people what was collected, or would be. */
import type { GcReport } from '@waybill/audit/gc/gc';
import type { Paint } from './style.ts';
import { renderTable } from './table.ts';
import { formatBytes, formatCount, formatDuration } from './units.ts';

/** --json has more of them. */
const MOST_ITEMS = 100;

export function renderGc(report: GcReport, paint: Paint): string {
  const { count, bytes, deleted, items } = report;
  const parts: string[] = [];
  const shown = items.slice(0, MOST_ITEMS);
  if (shown.length > 0) parts.push(table(shown, paint));
  if (count > shown.length) parts.push(paint('dim', `and ${formatCount(count - shown.length)} more`));
  const what = `${formatCount(count)} files, ${formatBytes(bytes)}`;
  const lines = [deleted ? `Deleted: ${what}.` : `Would be deleted: ${what}. Give --delete to do it.`];
  if (report.unfinishedUploads) {
    lines.push(`Removed what ${formatCount(report.unfinishedUploads)} uploads that never ended had left.`);
  }
  lines.push(...kept(report));
  parts.push(lines.join('\n'));
  return parts.join('\n\n');
}

function table(items: GcReport['items'], paint: Paint): string {
  return renderTable(
    [
      { head: 'garbage' },
      { head: 'file' },
      { head: 'bytes', align: 'right' },
      { head: 'age', align: 'right' },
    ],
    items.map(({ kind, key, bytes, ageSeconds }) => [
      kind,
      key,
      formatBytes(bytes),
      formatDuration(ageSeconds * 1000),
    ]),
    paint,
  );
}

function kept({ kept: { young, youngBytes, foreign } }: GcReport): string[] {
  const lines: string[] = [];
  if (young > 0) {
    lines.push(
      `Kept: ${formatCount(young)} files (${formatBytes(youngBytes)}) that no commit names and that are too young.`,
    );
  }
  if (foreign > 0) lines.push(`Left alone: ${formatCount(foreign)} files that Waybill did not make.`);
  return lines;
}
