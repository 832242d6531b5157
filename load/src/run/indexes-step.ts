import type { LoadPhases } from '../progress/progress.ts';
import { attempt, type StructureContext } from '../structure/context.ts';
import { buildAllIndexes, countWanted, reportOf, settleIndexes } from '../structure/indexes.ts';
import { retryBlocked } from '../structure/views.ts';
import type { RunContext } from './run-context.ts';

/** Between snapshot and changes: tries again what the target refused, and builds indexes. */
export async function indexesStep(context: RunContext, phases: LoadPhases): Promise<void> {
  const { structure, settings, deps, milestones } = context;
  await retryBlocked(structure);
  await settleIndexes(structure);
  const indexes = structure.registry.all().flatMap((record) => record.indexes);
  deps.stats.indexesTotal = countWanted(indexes);
  deps.stats.indexesBuilt = indexes.filter(({ state }) => state === 'built').length;
  if (settings.indexes !== 'after-snapshot') return;
  if (phases.indexesBuilt && !indexes.some(({ state }) => state === 'waiting')) {
    return milestones.recordOnce('indexes-built', countVerdicts(structure));
  }
  await buildAll(context);
}

/** Builds every index that is not built yet. */
export async function buildAll({ structure, progress, deps, milestones }: RunContext): Promise<void> {
  const { stats, logger } = deps;
  stats.phase = 'indexes';
  const began = performance.now();
  const namespaces = structure.registry.all().map(({ namespace }) => namespace);
  await buildAllIndexes(structure, namespaces);
  await attempt(structure, () => progress.markPhase({ indexesBuilt: true }));
  const counts = countVerdicts(structure);
  logger.info('indexes built', { ...counts, seconds: Math.round((performance.now() - began) / 100) / 10 });
  await milestones.recordOnce('indexes-built', counts);
}

function countVerdicts({ registry }: StructureContext): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const record of registry.all()) {
    for (const { verdict } of reportOf(record)) counts[verdict] = (counts[verdict] ?? 0) + 1;
  }
  return counts;
}
