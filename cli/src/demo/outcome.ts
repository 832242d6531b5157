import type { Paint } from '../output/style.ts';
import { renderTable } from '../output/table.ts';
import { formatCount } from '../output/units.ts';
import type { MilestoneStatus } from '../status/shape.ts';

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
