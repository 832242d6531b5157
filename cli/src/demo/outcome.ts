import type { VerifyReport } from '@waybill/load/verify/report';
import type { Paint } from '../output/style.ts';
import { renderTable } from '../output/table.ts';
import { formatBytes, formatCount } from '../output/units.ts';
import type { MilestoneStatus } from '../status/status.ts';

/** The milestones of both sides as one line of time, from the first on. */
export function renderTimeline(milestones: readonly MilestoneStatus[], paint: Paint): string {
  const told = milestones.filter(({ name }) => name !== 'collection-completed');
  const first = told[0] ? Date.parse(told[0].at) : 0;
  return renderTable(
    [
      { head: 'after', align: 'right' },
      { head: 'by' },
      { head: 'milestone' },
      { head: 'cluster time' },
      { head: 'sequence', align: 'right' },
    ],
    told.map(({ at, of, name, clusterTime, sequence }) => [
      `${((Date.parse(at) - first) / 1000).toFixed(1)} s`,
      of,
      name,
      clusterTime ?? '',
      sequence === null ? '' : formatCount(sequence),
    ]),
    paint,
  );
}

export function renderVerification(report: VerifyReport, paint: Paint): string {
  const table = renderTable(
    [
      { head: 'collection' },
      { head: 'source', align: 'right' },
      { head: 'target', align: 'right' },
      { head: 'compared', align: 'right' },
      { head: 'differences', align: 'right' },
    ],
    [...report.collections]
      .sort((a, b) => b.bytes - a.bytes)
      .map((each) => [
        each.namespace,
        formatCount(each.sourceDocuments),
        formatCount(each.targetDocuments),
        formatBytes(each.bytes),
        formatCount(each.missing + each.extra + each.different),
      ]),
    paint,
  );
  const structure = report.structure.map(({ namespace, what, detail }) => `${namespace}: ${what} ${detail}`);
  const verdict = report.same
    ? paint(
        'green',
        'Every document is there, byte for byte, and so are collections, options, indexes and views.',
      )
    : paint('red', 'Source and target differ.');
  return [table, ...structure, '', verdict].join('\n');
}
