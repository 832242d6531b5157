/** How far a capture is, from its folded log. Pure. */
import { lagSeconds } from '@waybill/shared/base/metrics';
import { type ClusterTime, clusterTimeSeconds, formatClusterTime } from '@waybill/shared/base/position';
import type { Milestone, StreamIdentity } from '@waybill/shared/manifest/commit';
import { milestoneOf, type StreamState } from '@waybill/shared/manifest/state';
import { streamPatterns } from '@waybill/shared/manifest/stream-patterns';
import { drainedNow, watermarkOf } from './log-facts.ts';
import { secondsSince, sum } from './numbers.ts';
import type { CapturePhase, CaptureStatus, CollectionStatus, Share } from './shape.ts';

export interface CaptureInput {
  readonly identity: StreamIdentity;
  readonly stream: StreamState;
  /** Null if the source was not asked. */
  readonly sourceTime: ClusterTime | null;
  /** Milliseconds since 1970. */
  readonly now: number;
}

export function captureOf(input: CaptureInput, collections: readonly CollectionStatus[]): CaptureStatus {
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
 * Both times are by the writer's clock. A pause between two runs counts as slow copying, which errs
 * on the careful side.
 */
function etaSeconds(stream: StreamState, snapshot: Share): number | null {
  const started = milestoneOf(stream, 'snapshot-started');
  if (!started || snapshot.done || snapshot.bytes === 0) return null;
  const elapsed = (Date.parse(stream.at) - Date.parse(started.at)) / 1000;
  return elapsed > 0 ? Math.round(((snapshot.bytesTotal - snapshot.bytes) * elapsed) / snapshot.bytes) : null;
}

function latest(stream: StreamState, ...names: readonly Milestone['name'][]): Milestone['name'] | undefined {
  return stream.milestones.findLast(({ name }) => names.includes(name))?.name;
}
