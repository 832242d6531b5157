import type { MilestoneStatus } from '@waybill/console/model/shape';
import type { Presentation } from './presentation.ts';

/** Both sides' milestones as one timeline, from the first one on. */
export function renderTimeline(milestones: readonly MilestoneStatus[], show: Presentation): string {
  const told = milestones.filter(({ name }) => name !== 'collection-completed');
  const first = told[0] ? Date.parse(told[0].at) : 0;
  return show.table(
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
      sequence === null ? '' : show.count(sequence),
    ]),
  );
}
