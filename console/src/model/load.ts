/**
 * How far a load is, from its log and its progress on the target, if the target was asked. Pure.
 */
import { hasReached } from '@waybill/load/progress/load-log';
import { type LoadedProgress, slowest } from '@waybill/load/progress/progress';
import type { Retrying } from '@waybill/load/progress/trouble';
import { controlOf, controlState } from '@waybill/load/rate/control';
import type { ToldPace } from '@waybill/load/rate/told-pace';
import type { LoadFilter, Takes } from '@waybill/load/settings/load-filter';
import type { Blocked } from '@waybill/load/structure/blocked';
import { lagSeconds } from '@waybill/shared/base/metrics';
import { formatClusterTime } from '@waybill/shared/base/position';
import type { IndexConflicts } from '@waybill/shared/base/write-trouble';
import type { Milestone } from '@waybill/shared/manifest/commit';
import { allOpen, openByRule } from '@waybill/shared/manifest/dead-letters';
import { milestoneOf, type StreamState } from '@waybill/shared/manifest/state';
import { drainedNow, watermarkOf } from './log-facts.ts';
import { sum } from './numbers.ts';
import type { LoadPhase, LoadStatus } from './shape.ts';

export interface LoadInput {
  readonly name: string;
  readonly log: StreamState;
  readonly progress: LoadedProgress | null;
  /** What the target refuses; absent if the target was not asked. */
  readonly blocked?: readonly Blocked[] | undefined;
  readonly retrying?: Retrying | null | undefined;
  readonly conflicts?: readonly IndexConflicts[] | undefined;
  readonly pace?: ToldPace | null | undefined;
}

export function loadOf(
  stream: StreamState,
  load: LoadInput,
  { include, exclude, map }: LoadFilter & Pick<LoadStatus, 'map'>,
  takes: Takes,
): LoadStatus {
  const { log, progress, blocked = null, retrying = null, conflicts = [], pace = null } = load;
  const control = controlOf(log);
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
    map,
    watermark: reached === null ? null : formatClusterTime(reached),
    lagSeconds: reached === null || streamWatermark === null ? null : lagSeconds(streamWatermark, reached),
    sequence: cursor?.sequence ?? null,
    changesBehind: cursor ? Math.max(0, stream.lastSequence - cursor.sequence) : null,
    snapshotSegments: progress?.finished.length ?? null,
    snapshotSegmentsTotal: stream.snapshotSegments.filter(({ namespace = '' }) => takes(namespace)).length,
    snapshotDocuments: progress ? sum(progress.finished, (each) => each.records) : null,
    control: { ...controlState(control), obeyed: control.isObeyed },
    pace,
    blocked,
    retrying,
    conflicts,
    deadLetters: {
      open: allOpen(log.deadLetters),
      rules: Object.fromEntries(openByRule(log.deadLetters)),
    },
  };
}

/** The target knows of the first phases at once. The load's log is the record of the later ones. */
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
