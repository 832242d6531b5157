/** Shows people what a check of a stream found. */
import type { Finding, FindingKind } from '@waybill/audit/fsck/findings';
import type { FsckReport } from '@waybill/audit/fsck/fsck';
import type { Paint } from './style.ts';
import { renderTable } from './table.ts';
import { formatBytes, formatCount, formatDuration } from './units.ts';

/** --json has more of them. */
const MOST_DAMAGES = 100;
const MOST_NOTES = 20;

export function renderFsck(report: FsckReport, paint: Paint): string {
  const damages = report.findings.filter(({ severity }) => severity === 'damage').slice(0, MOST_DAMAGES);
  const notes = report.findings.filter(({ severity }) => severity === 'note').slice(0, MOST_NOTES);
  const told = [...damages, ...notes];
  const parts = [logs(report, paint)];
  if (told.length > 0) parts.push(findings(told, paint), advice(told));
  const count = Object.values(report.counts).reduce((sum, each) => sum + each, 0);
  if (count > told.length) parts.push(paint('dim', `and ${formatCount(count - told.length)} more findings`));
  parts.push(`${verdict(report, paint)} ${paint('dim', `(${formatDuration(report.seconds * 1000)})`)}`);
  return parts.join('\n\n');
}

function logs({ logs: all }: FsckReport, paint: Paint): string {
  return renderTable(
    [{ head: 'log' }, { head: 'commits', align: 'right' }, { head: 'epoch', align: 'right' }],
    all.map(({ log, commits, epoch }) => [log, formatCount(commits), formatCount(epoch)]),
    paint,
  );
}

function findings(told: readonly Finding[], paint: Paint): string {
  return renderTable(
    [{ head: 'finding' }, { head: 'file' }, { head: 'what is wrong' }],
    told.map(({ kind, severity, key, detail }) => [
      paint(severity === 'damage' ? 'red' : 'yellow', kind),
      key,
      detail,
    ]),
    paint,
  );
}

/** Gives advice once for each kind: many files mostly have one thing wrong. */
function advice(told: readonly Finding[]): string {
  const byKind = new Map<FindingKind, string>(told.map((each) => [each.kind, each.advice]));
  return [...byKind].map(([kind, text]) => `${kind}: ${text}`).join('\n');
}

function verdict(
  { whole, deep, damages, segments, decodedRecords, orphans }: FsckReport,
  paint: Paint,
): string {
  const what = `${formatCount(segments.count)} segments, ${formatBytes(segments.bytes)}, ${formatCount(segments.records)} records`;
  const garbage =
    orphans.count > 0
      ? ` ${formatCount(orphans.count)} files (${formatBytes(orphans.bytes)}) are named by no commit.`
      : '';
  if (!whole) return paint('red', `Damaged: ${formatCount(damages)} findings. ${what}.`) + garbage;
  const read = deep
    ? `every hash, and ${formatCount(decodedRecords)} records decoded`
    : 'by what the manifest and the list of files say; --deep reads them';
  return `${paint('green', `Whole: ${what};`)} ${read}.${garbage}`;
}
