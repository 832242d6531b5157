/** What a verification found, for people. */
import type { DocumentDifference, StructureDifference, VerifyReport } from '@waybill/load/verify/report';
import type { Paint } from './style.ts';
import { renderTable } from './table.ts';
import { formatBytes, formatCount, formatDuration } from './units.ts';

/** The file of --report has them all. */
const MOST_DIFFERENCES = 20;
const MOST_FIELDS = 4;

export function renderVerification(report: VerifyReport, paint: Paint): string {
  const verdict = report.same
    ? paint('green', 'Same: every document byte for byte, and collections, options, indexes and views.')
    : paint('red', 'Source and target differ.');
  return [
    collections(report, paint),
    ...report.structure.map(structureLine),
    ...report.differences.slice(0, MOST_DIFFERENCES).map(differenceLine),
    '',
    `${verdict} ${paint('dim', `(${formatDuration(report.seconds * 1000)})`)}`,
  ].join('\n');
}

function collections(report: VerifyReport, paint: Paint): string {
  const rows = [...report.collections].sort((a, b) => different(b) - different(a) || b.bytes - a.bytes);
  return renderTable(
    [
      { head: 'collection' },
      { head: 'source', align: 'right' },
      { head: 'target', align: 'right' },
      { head: 'compared', align: 'right' },
      { head: 'missing', align: 'right' },
      { head: 'extra', align: 'right' },
      { head: 'different', align: 'right' },
    ],
    rows.map((each) => [
      each.namespace,
      formatCount(each.sourceDocuments),
      formatCount(each.targetDocuments),
      formatBytes(each.bytes),
      formatCount(each.missing),
      formatCount(each.extra),
      formatCount(each.different),
    ]),
    paint,
  );
}

function different(each: VerifyReport['collections'][number]): number {
  return each.missing + each.extra + each.different;
}

function structureLine({ namespace, what, detail, heldBack }: StructureDifference): string {
  return `${namespace}: ${what} ${detail}${heldBack ? ' (held back until the cutover)' : ''}`;
}

/** Paths and what differs, never values. */
function differenceLine({ namespace, id, kind, fields }: DocumentDifference): string {
  const named = fields.slice(0, MOST_FIELDS).map(({ path }) => path || '(whole)');
  const more = fields.length > MOST_FIELDS ? [`and ${fields.length - MOST_FIELDS} more`] : [];
  return `${namespace} ${id}: ${kind}${named.length > 0 ? ` in ${[...named, ...more].join(', ')}` : ''}`;
}
