/** What a bucket holds, as `waybill list` tells it. This is also its JSON. */

import type { CapturePhase, LoadPhase } from '@waybill/console/model/shape';
import { statusOf } from '@waybill/console/model/status';
import { recordedBond } from '@waybill/load/progress/target-bond';
import type { StreamIdentity } from '@waybill/shared/manifest/commit';
import type { StreamState } from '@waybill/shared/manifest/state';
import { patternsText } from '@waybill/shared/mongo/facts/namespace-filter';
import type { Paint } from './style.ts';
import { renderTable } from './table.ts';

export interface ListedMilestone {
  readonly name: string;
  readonly at: string;
}

export interface ListedLoad {
  readonly load: string;
  readonly state: LoadPhase;
  /** The target's hosts, as they were when it was bound; null for a log that is not bound yet. */
  readonly target: string | null;
  /** What the load takes of the stream; null means everything. */
  readonly takes: string | null;
  readonly writer: string;
  readonly lastCommitAt: string;
  readonly milestones: readonly ListedMilestone[];
}

export interface ListedStream {
  readonly stream: string;
  readonly source?: string;
  readonly state?: CapturePhase;
  /** What the stream takes of the source; null means everything. */
  readonly takes?: string | null;
  readonly createdAt?: string;
  readonly writer?: string;
  readonly lastCommitAt?: string | null;
  readonly watermark?: string | null;
  readonly milestones?: readonly ListedMilestone[];
  readonly loads?: readonly ListedLoad[];
  /** The reason why nothing else is told about it. */
  readonly error?: string;
}

export function listedStream(found: {
  readonly bucket: string;
  readonly identity: StreamIdentity;
  readonly stream: StreamState;
  readonly logs: ReadonlyMap<string, StreamState>;
}): ListedStream {
  const { bucket, identity, stream, logs } = found;
  const about = { bucket, identity, stream, sourceTime: null, now: Date.now() };
  const { capture, source } = statusOf({ ...about, load: null });
  const loads = [...logs].flatMap(([name, log]): ListedLoad[] => {
    const { load } = statusOf({ ...about, load: { name, log, progress: null } });
    if (!load) return [];
    const { phase: state, writer } = load;
    const takes = patternsText(load);
    const target = recordedBond(log)?.hosts ?? null;
    return [
      { load: name, state, target, takes, writer, lastCommitAt: log.at, milestones: milestonesOf(log) },
    ];
  });
  return {
    stream: identity.stream,
    source,
    state: capture.phase,
    takes: patternsText(capture),
    createdAt: identity.createdAt,
    writer: capture.writer,
    lastCommitAt: stream.at || null,
    watermark: capture.watermark,
    milestones: milestonesOf(stream),
    loads,
  };
}

/** The latest milestone of each name. */
function milestonesOf({ milestones }: StreamState): ListedMilestone[] {
  const latest = new Map<string, ListedMilestone>();
  for (const { name, at } of milestones) {
    if (name === 'collection-completed') continue;
    latest.delete(name);
    latest.set(name, { name, at });
  }
  return [...latest.values()];
}

export function renderList(bucket: string, streams: readonly ListedStream[], paint: Paint): string {
  if (streams.length === 0) return `no stream in ${bucket}`;
  const head = [
    'stream',
    'source',
    'state',
    'last commit (UTC)',
    'load',
    'target',
    'state',
    'last milestone',
  ];
  const table = renderTable(
    head.map((each) => ({ head: each })),
    streams.flatMap(rows),
    paint,
  );
  const broken = streams.flatMap(({ stream, error }) => (error ? [`${stream}: ${error}`] : []));
  return [`${paint('bold', 'bucket')}  ${bucket}`, '', table, ...broken].join('\n');
}

/** One row for each load, and one for a stream that has no loads. */
function rows({ stream, source = '', state, lastCommitAt, loads = [], error }: ListedStream): string[][] {
  const own = [stream, source, error ? 'cannot be read' : (state ?? ''), moment(lastCommitAt ?? '')];
  if (loads.length === 0) return [[...own, error ? '' : 'none', '', '', '']];
  return loads.map((load, index) => {
    const last = load.milestones.at(-1);
    return [
      ...(index === 0 ? own : ['', '', '', '']),
      load.load,
      load.target ?? '',
      load.state,
      last ? `${last.name} ${moment(last.at)}` : '',
    ];
  });
}

function moment(at: string): string {
  return at.slice(0, 19).replace('T', ' ');
}
