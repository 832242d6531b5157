/** Shows people what a verification found. */
import { bothNames } from '@waybill/load/mapping/name-mapping';
import { acceptName } from '@waybill/load/verify/acceptance';
import {
  type DocumentDifference,
  isDifference,
  isEmpty,
  isSameButLetters,
  type StructureDifference,
  type VerifyReport,
} from '@waybill/load/verify/report';
import type { Paint } from './style.ts';
import { renderTable } from './table.ts';
import { formatBytes, formatCount, formatDuration } from './units.ts';

/** The file of --report has more of them. */
const MOST_DIFFERENCES = 20;
const MOST_FIELDS = 4;

export function renderVerification(report: VerifyReport, paint: Paint): string {
  return [
    ...scopeLines(report, paint),
    '',
    ...(report.collections.length > 0 ? [collections(report, paint)] : []),
    ...countsLine(report),
    ...report.structure.map(structureLine),
    ...report.differences.slice(0, MOST_DIFFERENCES).map(differenceLine),
    '',
    `${verdict(report, paint)} ${paint('dim', `(${formatDuration(report.seconds * 1000)})`)}`,
  ].join('\n');
}

function scopeLines({ scope }: VerifyReport, paint: Paint): string[] {
  const { patterns, collections, views, timeSeries, leftOut } = scope;
  const lines = [
    `compared: ${count(collections, 'collection')} and ${count(views, 'view')} of ${patterns ?? 'all databases'}`,
    `left out: ${leftOut.join('; ')}`,
  ];
  if (timeSeries.length > 0)
    lines.push(`defined alike, and not compared: time series ${timeSeries.join(', ')}`);
  return lines.map((line) => paint('dim', line));
}

function count(number: number, what: string): string {
  return `${formatCount(number)} ${what}${number === 1 ? '' : 's'}`;
}

/**
 * The two sides are read one after the other while they are written to, so the counts are not of
 * one moment.
 */
function countsLine({ collections }: VerifyReport): string[] {
  const moved = collections.filter(
    (each) => each.sourceDocuments - each.missing !== each.targetDocuments - each.extra,
  );
  if (moved.length === 0) return [];
  const settled = moved.reduce((sum, each) => sum + each.settled, 0);
  return [
    `The counts differ where documents came or went between the reading of the two sides; ${formatCount(settled)} that ` +
      'differed at first were looked at again, and were the same.',
  ];
}

function verdict(report: VerifyReport, paint: Paint): string {
  const { same, collections, structure, differences } = report;
  if (isEmpty(report) && !structure.some(isDifference))
    return paint('yellow', 'Nothing was compared: neither side has anything of it.');
  const accepted = structure.filter((each) => each.accepted).length;
  if (same && accepted > 0)
    return paint(
      'yellow',
      `Same but for what was accepted (${formatCount(accepted)}): ${documentsText(report)}, and the rest of the structure.`,
    );
  if (same)
    return paint('green', `Same: ${documentsText(report)}, and collections, options, indexes and views.`);
  const changing = collections.reduce((sum, each) => sum + each.changing, 0);
  const isOnlyChanging = !structure.some(isDifference) && collections.every((each) => different(each) === 0);
  if (isOnlyChanging) {
    const what = `${formatCount(changing)} documents kept changing while they were compared.`;
    return paint('yellow', `No difference found, but ${what} Verify again when the source is quieter.`);
  }
  if (isSameButLetters(report)) {
    const letters = collections.reduce((sum, each) => sum + each.letters, 0);
    return paint(
      'yellow',
      `Source and target differ, and open dead letters explain all of it: ${formatCount(letters)} documents.`,
    );
  }
  const total = collections.reduce((sum, each) => sum + different(each), 0);
  const told =
    total > differences.length ? ` The first ${formatCount(differences.length)} differences are told.` : '';
  return paint('red', `Source and target differ.${told}`);
}

/** How the documents are the same. */
function documentsText({ collections }: VerifyReport): string {
  const canonical = collections.reduce((sum, each) => sum + each.canonical, 0);
  if (canonical === 0) return 'every document byte for byte';
  return `every document byte for byte, but for values that the target keeps in another form, which ${formatCount(canonical)} documents have`;
}

function collections(report: VerifyReport, paint: Paint): string {
  const rows = [...report.collections].sort((a, b) => different(b) - different(a) || b.bytes - a.bytes);
  const changes = rows.some((each) => each.changing > 0);
  const duplicates = rows.some((each) => each.duplicates > 0);
  const canonical = rows.some((each) => each.canonical > 0);
  const letters = rows.some((each) => each.letters > 0);
  return renderTable(
    [
      { head: 'collection' },
      { head: 'source', align: 'right' },
      { head: 'target', align: 'right' },
      { head: 'compared', align: 'right' },
      { head: 'missing', align: 'right' },
      { head: 'extra', align: 'right' },
      { head: 'different', align: 'right' },
      ...(duplicates ? [{ head: 'duplicate', align: 'right' } as const] : []),
      ...(changes ? [{ head: 'changing', align: 'right' } as const] : []),
      ...(canonical ? [{ head: 'other form', align: 'right' } as const] : []),
      ...(letters ? [{ head: 'dead letters', align: 'right' } as const] : []),
    ],
    rows.map((each) => [
      namesOf(each),
      formatCount(each.sourceDocuments),
      formatCount(each.targetDocuments),
      formatBytes(each.bytes),
      formatCount(each.missing),
      formatCount(each.extra),
      formatCount(each.different),
      ...(duplicates ? [formatCount(each.duplicates)] : []),
      ...(changes ? [formatCount(each.changing)] : []),
      ...(canonical ? [formatCount(each.canonical)] : []),
      ...(letters ? [formatCount(each.letters)] : []),
    ]),
    paint,
  );
}

function different(each: VerifyReport['collections'][number]): number {
  return each.missing + each.extra + each.different + each.duplicates;
}

export function structureLine(difference: StructureDifference): string {
  const { what, detail } = difference;
  const notes = structureNotes(difference);
  return `${namesOf(difference)}: ${what} ${detail}${notes.length > 0 ? ` (${notes.join('; ')})` : ''}`;
}

function structureNotes(difference: StructureDifference): string[] {
  const { heldBack, blocked, accepted } = difference;
  const name = acceptName(difference);
  return [
    ...(heldBack ? ['held back until the cutover'] : []),
    ...(blocked === undefined ? [] : [`blocked: ${blocked}`]),
    ...(accepted ? ['accepted'] : name === '' ? [] : [`--accept ${name}`]),
  ];
}

/** Paths and what differs, never values. */
function differenceLine(difference: DocumentDifference): string {
  const { id, kind, fields, letter } = difference;
  const named = fields.slice(0, MOST_FIELDS).map(({ path }) => path || '(whole)');
  const more = fields.length > MOST_FIELDS ? [`and ${fields.length - MOST_FIELDS} more`] : [];
  const where = named.length > 0 ? ` in ${[...named, ...more].join(', ')}` : '';
  const why = letter === undefined ? '' : ` (dead letter ${letter})`;
  return `${namesOf(difference)} ${id}: ${kind}${where}${why}`;
}

/** The target's name, and the source's where it is another one. */
function namesOf({
  namespace,
  source = namespace,
}: {
  readonly namespace: string;
  readonly source?: string;
}): string {
  return bothNames(namespace, source);
}
