/** A status for people. */
import { filterText, isEverything } from '@waybill/load/load-filter';
import type { Paint } from '../output/style.ts';
import { renderTable } from '../output/table.ts';
import { formatBytes, formatCount, formatDuration, formatShare } from '../output/units.ts';
import type { CaptureStatus, CollectionStatus, LoadStatus, MilestoneStatus, Share, Status } from './shape.ts';

/** A stream of thousands of collections: the biggest that are not done come first, the rest is counted. */
const MOST_COLLECTIONS = 40;
const MOST_MILESTONES = 30;
/** An idle capture commits every ten seconds. */
const SILENT_SECONDS = 30;

export function renderStatus(status: Status, paint: Paint): string {
  const title = `${paint('bold', `stream ${status.stream}`)}  ${status.bucket}`;
  const facts = paint('dim', `source ${status.source}, ${status.format}, ${status.lanes} lanes`);
  const parts = [`${title}\n${facts}`, sides(status, paint)];
  if (status.collections.length > 0) parts.push(collections(status, paint));
  if (status.milestones.length > 0) parts.push(milestones(status.milestones, paint));
  return parts.join('\n\n');
}

function sides({ capture, load }: Status, paint: Paint): string {
  const lines = [
    `${paint('bold', 'capture')}  ${paint('cyan', capture.phase)}  ${captureFacts(capture, paint).join(', ')}`,
  ];
  if (load) {
    lines.push(`${paint('bold', 'load')}     ${paint('cyan', load.phase)}  ${loadFacts(load).join(', ')}`);
    if (!isEverything(load)) lines.push(`         takes ${filterText(load)}`);
  } else lines.push(`${paint('bold', 'load')}     none of this name`);
  return lines.join('\n');
}

function captureFacts(capture: CaptureStatus, paint: Paint): string[] {
  const facts: string[] = [];
  if (!capture.snapshot.done) facts.push(share(capture.snapshot));
  if (capture.etaSeconds !== null) facts.push(`about ${formatDuration(capture.etaSeconds * 1000)} left`);
  facts.push(`${formatCount(capture.changes)} changes`);
  if (capture.lagSeconds !== null) facts.push(`lag ${capture.lagSeconds} s`);
  else if (capture.watermarkAgeSeconds !== null) {
    facts.push(`watermark ${formatDuration(capture.watermarkAgeSeconds * 1000)} old`);
  }
  facts.push(`${formatBytes(capture.bucketBytes)} in ${formatCount(capture.segments)} segments`);
  const silent = `last commit ${formatDuration(capture.secondsSinceCommit * 1000)} ago`;
  facts.push(
    capture.secondsSinceCommit > SILENT_SECONDS ? paint('yellow', `${silent}, not running?`) : silent,
  );
  return facts;
}

function loadFacts(load: LoadStatus): string[] {
  if (load.snapshotSegments === null) return ['give --target for its progress'];
  const facts = [
    `${formatShare(load.snapshotSegments, load.snapshotSegmentsTotal)} of the snapshot captured so far`,
    `${formatCount(load.snapshotDocuments ?? 0)} documents`,
  ];
  if (load.changesBehind !== null) facts.push(`${formatCount(load.changesBehind)} changes behind`);
  if (load.lagSeconds !== null) facts.push(`lag ${load.lagSeconds} s`);
  return facts;
}

function share(part: Share): string {
  const documents = `${formatCount(part.documents)} of ${formatCount(part.documentsTotal)} documents`;
  return `${formatShare(part.bytes, part.bytesTotal)}, ${documents}`;
}

function collections({ collections: all }: Status, paint: Paint): string {
  const rank = { copying: 0, waiting: 1, done: 2, skipped: 3, view: 4 } as const;
  const sorted = [...all].sort((a, b) => rank[a.state] - rank[b.state] || b.bytesTotal - a.bytesTotal);
  const shown = sorted.slice(0, MOST_COLLECTIONS);
  const hasTarget = shown.some((each) => each.applied !== null);
  const table = renderTable(
    [
      { head: 'collection' },
      { head: 'state' },
      { head: 'captured', align: 'right' },
      { head: 'of', align: 'right' },
      { head: 'bytes', align: 'right' },
      { head: 'chunks', align: 'right' },
      ...(hasTarget ? [{ head: 'applied', align: 'right' as const }] : []),
    ],
    shown.map((each) => row(each, hasTarget)),
    paint,
  );
  const left = all.length - shown.length;
  return left > 0 ? `${table}\n${paint('dim', `and ${formatCount(left)} more`)}` : table;
}

function row(each: CollectionStatus, hasTarget: boolean): string[] {
  const cells = [
    each.namespace,
    each.state,
    formatCount(each.documents),
    formatCount(each.documentsTotal),
    formatBytes(each.bytes),
    `${each.chunksDone}/${each.chunks}`,
  ];
  if (hasTarget) cells.push(each.applied === null ? '' : formatCount(each.applied));
  return cells;
}

function milestones(all: readonly MilestoneStatus[], paint: Paint): string {
  const told = all.filter((each) => each.name !== 'collection-completed').slice(-MOST_MILESTONES);
  return renderTable(
    [
      { head: 'time (UTC)' },
      { head: 'by' },
      { head: 'milestone' },
      { head: 'cluster time' },
      { head: 'sequence', align: 'right' },
    ],
    told.map((each) => [
      each.at.slice(0, 19).replace('T', ' '),
      each.of,
      each.name,
      each.clusterTime ?? '',
      each.sequence === null ? '' : formatCount(each.sequence),
    ]),
    paint,
  );
}
