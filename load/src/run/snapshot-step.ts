import { collectionProgress, countEarlier } from '@waybill/shared/base/stats';
import { type LaneCursor, type LoadedProgress, slowest } from '../progress/progress.ts';
import { applySnapshot } from '../snapshot/snapshot-phase.ts';
import { attempt } from '../structure/context.ts';
import { markStanding } from '../structure/standing.ts';
import type { RunContext, WriteTools } from './run-context.ts';

/** Applies the snapshot, unless that is done. Returns the cursor from which changes are read. */
export async function snapshotStep(
  context: RunContext,
  tools: WriteTools,
  loaded: LoadedProgress,
): Promise<LaneCursor> {
  const { deps, milestones } = context;
  const { phases, cursors, finished } = loaded;
  for (const segment of finished) {
    const known = collectionProgress(deps.stats, segment.namespace);
    countEarlier(known, segment);
    known.done = phases.snapshotApplied;
  }
  if (!phases.snapshotApplied) return apply(context, tools, loaded);
  const documents = finished.reduce((sum, { records }) => sum + records, 0);
  await milestones.recordOnce('snapshot-applied', { documents, segments: finished.length });
  return slowest(cursors);
}

async function apply(
  { structure, progress, settings, filter, streamPrefix, deps, milestones }: RunContext,
  tools: WriteTools,
  { cursors, finished }: LoadedProgress,
): Promise<LaneCursor> {
  const { gate, writer, placements, onRefused, letters } = tools;
  const { bucket, stats, logger, onReadAgain, signal } = deps;
  stats.phase = 'snapshot';
  const { changesAfter, ...counts } = await applySnapshot({
    bucket,
    streamPrefix,
    structure,
    gate,
    writer,
    placements,
    onRefused,
    letters,
    progress,
    finished,
    settings,
    spreadsRanges: deps.target.profile.rate.spreadsRanges,
    filter,
    onReadAgain,
    signal,
  });
  await markStanding(structure);
  // Cursors first: once the phase is recorded, nobody reads the stream from its beginning.
  const start: LaneCursor = { ...slowest(cursors), ...changesAfter };
  await attempt(structure, () => progress.advance(new Map(cursors.map((_, lane) => [lane, start]))));
  await attempt(structure, () => progress.markPhase({ snapshotApplied: true }));
  logger.info('snapshot applied', counts);
  await milestones.recordOnce('snapshot-applied', counts);
  return start;
}
