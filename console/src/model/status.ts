/** What `waybill status` knows, computed from the folded logs and the target's progress. Pure. */

import { hasReached } from '@waybill/load/progress/load-log';
import { type LoadedProgress, slowest } from '@waybill/load/progress/progress';
import {
  EVERYTHING,
  type LoadFilter,
  recordedFilter,
  type Takes,
  takesOf,
} from '@waybill/load/settings/load-filter';
import type { Blocked } from '@waybill/load/structure/blocked';
import { lagSeconds } from '@waybill/shared/base/metrics';
import {
  type ClusterTime,
  clusterTimeSeconds,
  formatClusterTime,
  parseClusterTime,
} from '@waybill/shared/base/position';
import type { Milestone, StreamIdentity } from '@waybill/shared/manifest/commit';
import { milestoneOf, type StreamState } from '@waybill/shared/manifest/state';
import { streamPatterns } from '@waybill/shared/manifest/stream-patterns';
import type {
  CapturePhase,
  CaptureStatus,
  CollectionStatus,
  LoadPhase,
  LoadStatus,
  Share,
  Status,
} from './shape.ts';

export interface StatusInput {
  readonly bucket: string;
  readonly identity: StreamIdentity;
  readonly stream: StreamState;
  readonly load: {
    readonly name: string;
    readonly log: StreamState;
    readonly progress: LoadedProgress | null;
    /** What the target refuses; absent where it was not asked. */
    readonly blocked?: readonly Blocked[] | undefined;
  } | null;
  readonly sourceTime: ClusterTime | null;
  readonly unreachable?: Status['unreachable'];
  /** Milliseconds since 1970. */
  readonly now: number;
}

export function statusOf(input: StatusInput): Status {
  const { identity, stream, load } = input;
  const filter = (load && recordedFilter(load.log)) ?? EVERYTHING;
  const takes = takesOf(filter);
  const collections = collectionsOf(stream, load?.progress ?? null, takes);
  const milestones = [
    ...stream.milestones.map((each) => ({ ...each, of: 'capture' as const })),
    ...(load?.log.milestones ?? []).map((each) => ({ ...each, of: 'load' as const })),
  ];
  return {
    stream: identity.stream,
    bucket: input.bucket,
    source: `${identity.sourceTopology} ${identity.source}`,
    format: `${identity.format} ${identity.codec}`,
    lanes: identity.lanes,
    unreachable: input.unreachable ?? [],
    capture: captureOf(input, collections),
    load: load && load.log.seq > 0 ? loadOf(stream, load, filter, takes) : null,
    collections,
    milestones: milestones.sort((a, b) => Date.parse(a.at) - Date.parse(b.at)),
  };
}

function captureOf(input: StatusInput, collections: readonly CollectionStatus[]): CaptureStatus {
  const { identity, stream, sourceTime, now } = input;
  const watermark = watermarkOf(stream);
  const snapshot = shareOf(stream, collections);
  const { totals } = stream;
  return {
    phase: capturePhase(stream),
    ...streamPatterns(identity, stream),
    epoch: stream.epoch,
    writer: stream.writer,
    commit: stream.seq,
    secondsSinceCommit: secondsSince(Date.parse(stream.at), now),
    watermark: watermark === null ? null : formatClusterTime(watermark),
    lagSeconds: watermark === null || sourceTime === null ? null : lagSeconds(sourceTime, watermark),
    watermarkAgeSeconds: watermark === null ? null : secondsSince(clusterTimeSeconds(watermark) * 1000, now),
    sequence: stream.lastSequence,
    changes: totals.changeRecords,
    ddl: totals.ddlEvents,
    segments: totals.snapshotSegments + totals.changeSegments,
    bucketBytes: totals.snapshotBytes + totals.changeBytes,
    snapshot,
    etaSeconds: etaSeconds(stream, snapshot),
  };
}

function capturePhase(stream: StreamState): CapturePhase {
  const last = latest(
    stream,
    'snapshot-started',
    'snapshot-completed',
    'drained',
    'history-lost',
    'stream-closed',
    'capture-started',
  );
  if (milestoneOf(stream, 'stream-closed')) return 'closed';
  if (last === 'history-lost') return 'history-lost';
  if (drainedNow(stream)) return 'drained';
  if (milestoneOf(stream, 'snapshot-completed')) return 'changes';
  return milestoneOf(stream, 'snapshot-started') ? 'snapshot' : 'starting';
}

/**
 * The last drain, while nothing has come after it: a cutover that was given up leaves its milestone
 * behind.
 */
function drainedNow(stream: StreamState): Milestone | undefined {
  const drained = milestoneOf(stream, 'drained');
  return drained && (drained.sequence ?? 0) >= stream.lastSequence ? drained : undefined;
}

function loadOf(
  stream: StreamState,
  load: NonNullable<StatusInput['load']>,
  { include, exclude }: LoadFilter,
  takes: Takes,
): LoadStatus {
  const { log, progress, blocked = null } = load;
  const cursor = progress ? slowest(progress.cursors) : null;
  const streamWatermark = watermarkOf(stream);
  const reached = cursor?.clusterTime ?? null;
  return {
    load: load.name,
    phase: loadPhase(log, progress, drainedNow(stream)),
    epoch: log.epoch,
    writer: log.writer,
    include,
    exclude,
    watermark: reached === null ? null : formatClusterTime(reached),
    lagSeconds: reached === null || streamWatermark === null ? null : lagSeconds(streamWatermark, reached),
    sequence: cursor?.sequence ?? null,
    changesBehind: cursor ? Math.max(0, stream.lastSequence - cursor.sequence) : null,
    snapshotSegments: progress?.finished.length ?? null,
    snapshotSegmentsTotal: stream.snapshotSegments.filter(({ namespace = '' }) => takes(namespace)).length,
    snapshotDocuments: progress ? sum(progress.finished, (each) => each.records) : null,
    blocked,
  };
}

/** The target knows of the first phases at once; of the later ones the load's log is the record. */
function loadPhase(
  log: StreamState,
  progress: LoadedProgress | null,
  drained: Milestone | undefined,
): LoadPhase {
  for (const phase of ['aborted', 'cutover'] as const) if (milestoneOf(log, phase)) return phase;
  const reached = milestoneOf(log, 'drained')?.evidence?.streamClusterTime;
  if (drained && reached === drained.clusterTime)
    return milestoneOf(log, 'verified') ? 'verified' : 'drained';
  if (progress?.phases.indexesBuilt || hasReached(log, 'indexes-built')) return 'changes';
  if (progress?.phases.snapshotApplied || milestoneOf(log, 'snapshot-applied')) return 'indexes';
  return milestoneOf(log, 'load-started') ? 'snapshot' : 'starting';
}

function collectionsOf(
  stream: StreamState,
  progress: LoadedProgress | null,
  takes: Takes,
): CollectionStatus[] {
  const bytes = new Map<string, number>();
  for (const { namespace = '', documentBytes } of stream.snapshotSegments)
    add(bytes, namespace, documentBytes);
  const applied = new Map<string, number>();
  for (const { namespace, records } of progress?.finished ?? []) add(applied, namespace, records);
  return [...stream.collections.values()].map((definition): CollectionStatus => {
    const { namespace } = definition;
    const chunks = [...(stream.chunks.get(namespace)?.values() ?? [])];
    const documents = sum(chunks, (chunk) => chunk.progress?.records ?? 0);
    const state = definition.type === 'view' ? 'view' : stateOf(stream, definition.snapshot, chunks);
    const isDone = state === 'done' || state === 'skipped' || state === 'view';
    const copied = bytes.get(namespace) ?? 0;
    return {
      namespace,
      state,
      documents,
      documentsTotal: isDone ? documents : Math.max(documents, definition.documents),
      bytes: copied,
      bytesTotal: isDone ? copied : Math.max(copied, definition.bytes),
      chunks: chunks.length,
      chunksDone: chunks.filter((chunk) => chunk.progress?.done).length,
      applied: progress && takes(namespace) ? (applied.get(namespace) ?? 0) : null,
    };
  });
}

type Chunks = readonly { readonly progress: { readonly done: boolean; readonly skipped?: true } | null }[];

function stateOf(stream: StreamState, hasSnapshot: boolean, chunks: Chunks): CollectionStatus['state'] {
  if (!hasSnapshot || (chunks.length > 0 && chunks.every((chunk) => chunk.progress?.skipped)))
    return 'skipped';
  if (milestoneOf(stream, 'snapshot-completed')) return 'done';
  if (chunks.length > 0 && chunks.every((chunk) => chunk.progress?.done)) return 'done';
  return chunks.some((chunk) => chunk.progress) ? 'copying' : 'waiting';
}

function shareOf(stream: StreamState, collections: readonly CollectionStatus[]): Share {
  return {
    documents: sum(collections, (each) => each.documents),
    documentsTotal: sum(collections, (each) => each.documentsTotal),
    bytes: sum(collections, (each) => each.bytes),
    bytesTotal: sum(collections, (each) => each.bytesTotal),
    done: milestoneOf(stream, 'snapshot-completed') !== undefined,
  };
}

/**
 * Both ends by the writer's clock. A pause between two runs counts as slow, which errs on the
 * careful side.
 */
function etaSeconds(stream: StreamState, snapshot: Share): number | null {
  const started = milestoneOf(stream, 'snapshot-started');
  if (!started || snapshot.done || snapshot.bytes === 0) return null;
  const elapsed = (Date.parse(stream.at) - Date.parse(started.at)) / 1000;
  return elapsed > 0 ? Math.round(((snapshot.bytesTotal - snapshot.bytes) * elapsed) / snapshot.bytes) : null;
}

function watermarkOf(stream: StreamState): ClusterTime | null {
  return (stream.position && parseClusterTime(stream.position.clusterTime)) ?? null;
}

function latest(stream: StreamState, ...names: readonly Milestone['name'][]): Milestone['name'] | undefined {
  return stream.milestones.findLast(({ name }) => names.includes(name))?.name;
}

function secondsSince(then: number, now: number): number {
  return Math.max(0, Math.round((now - then) / 1000));
}

function add(map: Map<string, number>, key: string, value: number): void {
  map.set(key, (map.get(key) ?? 0) + value);
}

function sum<T>(items: readonly T[], value: (item: T) => number): number {
  return items.reduce((total, item) => total + value(item), 0);
}
