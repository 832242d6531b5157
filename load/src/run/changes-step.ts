import { hasCode } from '@waybill/shared/base/errors';
import { readManifest } from '@waybill/shared/manifest/log';
import { milestoneOf } from '@waybill/shared/manifest/state';
import { applyChanges } from '../changes/changes-phase.ts';
import type { Mark } from '../changes/marks.ts';
import type { LetterService } from '../letter-requests/letter-service.ts';
import { PlacementsChanged } from '../placement/placements.ts';
import { type LaneCursor, type LoadedProgress, slowest } from '../progress/progress.ts';
import { attempt } from '../structure/context.ts';
import { buildAll } from './indexes-step.ts';
import type { LoadResult } from './load-deps.ts';
import type { LogWatch } from './log-watch.ts';
import type { RunContext, WriteTools } from './run-context.ts';

/**
 * Applies changes until the load reaches what was asked for, or is cut over. Then it ends what is
 * in hand and begins nothing new. Returns what it has reached.
 */
export async function changesStep(
  context: RunContext,
  tools: WriteTools & { readonly service: LetterService },
  loaded: LoadedProgress,
  from: LaneCursor,
  watch: LogWatch,
): Promise<LoadResult['outcome']> {
  try {
    for (let start = { loaded, from }; ; start = await fromCursors(context)) {
      try {
        return await apply(context, tools, start.loaded, start.from, watch.signal);
      } catch (error) {
        if (!(error instanceof PlacementsChanged)) throw error;
        context.deps.logger.warn('a collection was sharded on the target meanwhile; changes go again');
      }
    }
  } catch (error) {
    if (!hasCode(error, 'INTERRUPTED')) throw error;
    if (watch.fenced) throw watch.fenced;
    if (!context.milestones.isCutOver) throw error;
    context.deps.logger.info('load ends: it has been cut over');
    return 'cut-over';
  }
}

async function fromCursors({ structure, progress }: RunContext) {
  const loaded = await attempt(structure, () => progress.takeOver());
  return { loaded, from: slowest(loaded.cursors) };
}

const OUTCOMES = {
  'caught-up': 'caught-up',
  drained: 'drained',
  closed: 'stream-closed',
  moment: 'moment-reached',
} as const satisfies Record<Mark['kind'], LoadResult['outcome']>;

async function apply(
  context: RunContext,
  tools: WriteTools & { readonly service: LetterService },
  loaded: LoadedProgress,
  from: LaneCursor,
  signal: AbortSignal,
): Promise<LoadResult['outcome']> {
  const { structure, progress, settings, identity, streamPrefix, deps, milestones } = context;
  const { bucket, stats, onReadAgain } = deps;
  stats.phase = 'changes';
  milestones.cursor = from;
  stats.sequence = from.sequence;
  stats.watermark = from.clusterTime;
  const head = await readManifest(bucket, streamPrefix, { onRetry: onReadAgain, signal });
  const snapshotJustApplied = !loaded.phases.snapshotApplied;
  const mark = await applyChanges(
    {
      ...tools,
      bucket,
      streamPrefix,
      identity,
      structure,
      progress,
      settings,
      onReadAgain,
      signal,
      moment: typeof settings.until === 'object' ? settings.until : null,
      reached: (mark, cursor) => reach(context, mark, cursor),
    },
    {
      from,
      cursors: snapshotJustApplied ? loaded.cursors.map(() => from) : loaded.cursors,
      barrier: loaded.barrier,
      caughtUp: milestoneOf(head, 'caught-up') !== undefined,
      drained: milestoneOf(head, 'drained'),
      head: head.seq,
    },
  );
  return OUTCOMES[mark];
}

/** Records a mark that all lanes have reached. True where the load ends there. */
async function reach(context: RunContext, mark: Mark, cursor: LaneCursor): Promise<boolean> {
  const { settings, deps, milestones } = context;
  milestones.cursor = cursor;
  deps.logger.info('load reached', { milestone: mark.kind, sequence: cursor.sequence });
  switch (mark.kind) {
    case 'caught-up':
      await milestones.recordCaughtUp();
      break;
    case 'drained':
      if (settings.indexes === 'last') await buildAll(context);
      deps.stats.phase = 'changes';
      await milestones.recordDrained(mark.milestone);
      break;
    case 'closed':
    case 'moment':
      return true;
  }
  return settings.until === mark.kind;
}
