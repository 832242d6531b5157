/** A status for people. */

import type {
  CaptureStatus,
  CollectionStatus,
  LoadStatus,
  MilestoneStatus,
  Share,
  Status,
} from '@waybill/console/model/shape';
import { AS_STARTED } from '@waybill/load/rate/limit';
import { filterText, isEverything } from '@waybill/load/settings/load-filter';
import { conflictText } from './conflict.ts';
import { describe } from './control.ts';
import { ALL_ROOM, cutToFit, type Room, rowsFor } from './room.ts';
import type { Paint } from './style.ts';
import { renderTable } from './table.ts';
import { formatBytes, formatCount, formatDuration, formatShare } from './units.ts';

/** An idle capture commits every ten seconds. */
const SILENT_SECONDS = 30;
const MOST_BLOCKED = 10;

/** If there is little room, the tables are shortened so that the top stays on the screen. */
export function renderStatus(status: Status, paint: Paint, room: Room = ALL_ROOM): string {
  const title = `${paint('bold', `stream ${status.stream}`)}  ${status.bucket}`;
  const facts = paint('dim', `source ${status.source}, ${status.format}, ${status.lanes} lanes`);
  const top = [title, facts, '', ...sides(status, paint)];
  const told = status.milestones.filter(({ name }) => name !== 'collection-completed');
  const { collections: some, milestones: last } = rowsFor(room, top, status.collections.length, told.length);
  const parts = [top.join('\n')];
  if (some > 0) parts.push(collections(status, some, paint));
  if (last > 0) parts.push(milestones(told.slice(-last), paint));
  return cutToFit(parts.join('\n\n'), room);
}

function sides(status: Status, paint: Paint): string[] {
  const { capture, load, unreachable } = status;
  const isOver = load?.phase === 'cutover';
  const lines = unreachable.map(({ side, code, message, hint }) => {
    const told = `${paint('bold', side.padEnd(7))}  ${paint('red', 'no answer')}  ${code}: ${message}`;
    return hint === null ? told : `${told}\n         ${hint}`;
  });
  const name = paint('bold', 'capture');
  lines.push(`${name}  ${paint('cyan', capture.phase)}  ${captureFacts(capture, isOver, paint).join(', ')}`);
  if (!isEverything(capture)) lines.push(`         takes ${filterText(capture)}`);
  const title = paint('bold', 'load');
  if (!load) return [...lines, `${title}     none of this name`];
  const facts = isOver ? [cutOver(status)] : loadFacts(load, unreachable);
  lines.push(`${title}     ${paint(isOver ? 'green' : 'cyan', load.phase)}  ${facts.join(', ')}`);
  if (!isEverything(load)) lines.push(`         takes ${filterText(load)}`);
  if (load.map.length > 0) lines.push(`         names ${load.map.map((rule) => `--map ${rule}`).join(' ')}`);
  if (!isOver) lines.push(...paceLines(load, paint));
  return [
    ...lines,
    ...retryingLines(load, paint),
    ...load.conflicts.slice(0, MOST_BLOCKED).map((each) => `         ${conflictText(each)}`),
    ...blockedLines(load, paint),
    ...letterLines(load, isOver, paint),
  ];
}

function retryingLines({ retrying }: LoadStatus, paint: Paint): string[] {
  if (!retrying) return [];
  const since = retrying.since.slice(0, 19).replace('T', ' ');
  return [`         ${paint('yellow', 'retrying')} since ${since} UTC: ${retrying.reason}`];
}

/** What holds the writing back: the operator, and the target. Nothing where nothing does. */
function paceLines({ control, pace }: LoadStatus, paint: Paint): string[] {
  const lines: string[] = [];
  if (control.paused || control.maxWriteRate !== AS_STARTED) {
    const told = `by control: ${describe(control)}${control.obeyed ? '' : ', not obeyed yet'}`;
    lines.push(`         ${control.paused ? paint('yellow', told) : told}`);
  }
  if (pace === null) return lines;
  const facts: string[] = [];
  if (pace.maxWriteRate !== 'none') facts.push(`at most ${pace.maxWriteRate}`);
  if (pace.rampPerSecond !== null) facts.push(`ramp at ${formatCount(pace.rampPerSecond)} documents/s`);
  if (pace.atOnce < pace.atOnceMost) facts.push(`${pace.atOnce} of ${pace.atOnceMost} batches at once`);
  if (pace.pushBacks > 0) facts.push(`pushed back ${formatCount(pace.pushBacks)} times`);
  return facts.length > 0 ? [...lines, `         writes ${facts.join(', ')}`] : lines;
}

function letterLines({ deadLetters: { open, rules } }: LoadStatus, isOver: boolean, paint: Paint): string[] {
  if (open === 0) return [];
  const why = Object.entries(rules).map(([rule, count]) => `${formatCount(count)} by ${rule}`);
  const lines = [`         ${paint('yellow', 'dead letters')} ${formatCount(open)} open: ${why.join(', ')}`];
  if (!isOver) {
    lines.push('         waybill dead-letters list shows why; retry them when the target would take them');
  }
  return lines;
}

/** What the target refuses: the cutover will ask for it. */
function blockedLines({ blocked }: LoadStatus, paint: Paint): string[] {
  const all = blocked ?? [];
  const lines = all.slice(0, MOST_BLOCKED).map(({ namespace, kind, name, reason }) => {
    const what = name === '' ? `${kind} ${namespace}` : `${kind} ${name} of ${namespace}`;
    return `         ${paint('yellow', 'blocked')} ${what}: ${reason}`;
  });
  const left = all.length - lines.length;
  return left > 0 ? [...lines, `         and ${formatCount(left)} more that are blocked`] : lines;
}

/** The load has ended: nothing lags any more, and nothing has to run. */
function cutOver({ milestones: all }: Status): string {
  const at = all.findLast(({ of, name }) => of === 'load' && name === 'cutover')?.at ?? '';
  return `finished at ${at.slice(0, 19).replace('T', ' ')} UTC: the target is on its own, and nothing is loaded into it any more`;
}

function captureFacts(capture: CaptureStatus, isOver: boolean, paint: Paint): string[] {
  const facts: string[] = [];
  if (!capture.snapshot.done) facts.push(share(capture.snapshot));
  if (capture.etaSeconds !== null) facts.push(`about ${formatDuration(capture.etaSeconds * 1000)} left`);
  facts.push(`${formatCount(capture.changes)} changes`);
  const isSilent = capture.secondsSinceCommit > SILENT_SECONDS;
  // A capture that was told to stop, or has nothing left to do, lags behind nothing.
  const mayStop = isOver || capture.phase === 'closed';
  if (capture.lagSeconds !== null && !mayStop) facts.push(`lag ${capture.lagSeconds} s`);
  else if (capture.watermarkAgeSeconds !== null) {
    facts.push(`watermark ${formatDuration(capture.watermarkAgeSeconds * 1000)} old`);
  }
  facts.push(`${formatBytes(capture.bucketBytes)} in ${formatCount(capture.segments)} segments`);
  const silent = `last commit ${formatDuration(capture.secondsSinceCommit * 1000)} ago`;
  facts.push(isSilent && !mayStop ? paint('yellow', `${silent}, not running?`) : silent);
  return facts;
}

function loadFacts(load: LoadStatus, unreachable: Status['unreachable']): string[] {
  if (load.snapshotSegments === null) {
    const isAsked = unreachable.some(({ side }) => side === 'target');
    return [isAsked ? 'its progress stands on the target' : 'give --target for its progress'];
  }
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

function collections({ collections: all }: Status, most: number, paint: Paint): string {
  const rank = { copying: 0, waiting: 1, done: 2, skipped: 3, view: 4 } as const;
  const sorted = [...all].sort((a, b) => rank[a.state] - rank[b.state] || b.bytesTotal - a.bytesTotal);
  const shown = sorted.slice(0, most);
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
    each.target === undefined ? each.namespace : `${each.namespace} → ${each.target}`,
    each.state,
    formatCount(each.documents),
    formatCount(each.documentsTotal),
    formatBytes(each.bytes),
    `${each.chunksDone}/${each.chunks}`,
  ];
  if (hasTarget) cells.push(each.applied === null ? '' : formatCount(each.applied));
  return cells;
}

function milestones(told: readonly MilestoneStatus[], paint: Paint): string {
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
