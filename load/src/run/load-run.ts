/**
 * The steps of a load that this process has taken over: snapshot, indexes, changes. The progress on
 * the target says which of them are done.
 */
import { hasCode } from '@waybill/shared/base/errors';
import { streamPrefix } from '@waybill/shared/manifest/keys';
import { readManifest } from '@waybill/shared/manifest/log';
import { checkedWriter } from '../apply/checked-writer.ts';
import { InsertingWriter } from '../apply/inserting-writer.ts';
import { KeyedWriter } from '../apply/keyed-writer.ts';
import { PlacedWriter } from '../apply/placed-writer.ts';
import { Writer } from '../apply/writer.ts';
import type { DeadLetters } from '../letters/dead-letters.ts';
import { mappingEvidence, mappingText } from '../mapping/settle-mapping.ts';
import { Placements } from '../placement/placements.ts';
import { learntId } from '../progress/keys.ts';
import { type LoadedProgress, Progress, slowest } from '../progress/progress.ts';
import { assertStreamGoesOn } from '../progress/stream-goes-on.ts';
import { Gate } from '../rate/gate.ts';
import { parseRateLimit } from '../rate/limit.ts';
import { Obeying } from '../rate/obeying.ts';
import { filterEvidence, filterText, takesOf } from '../settings/load-filter.ts';
import type { LoadSettings } from '../settings/load-settings.ts';
import { riskOf } from '../settings/write-concern.ts';
import { type Blocked, blockedIn } from '../structure/blocked.ts';
import { attempt, type StructureContext } from '../structure/context.ts';
import { reportOf } from '../structure/indexes.ts';
import { Registry } from '../structure/registry.ts';
import { RestoredIndexes } from '../structure/restored-indexes.ts';
import { assertStanding } from '../structure/standing.ts';
import { ofDocumentSize } from '../target/rules/documents.ts';
import { insertsDollarNames } from '../target/rules/writes.ts';
import { changesStep } from './changes-step.ts';
import { indexesStep } from './indexes-step.ts';
import { letterService, openLetters } from './letters-run.ts';
import type { LoadResult } from './load-deps.ts';
import { LogWatch } from './log-watch.ts';
import { LoadMilestones } from './milestones.ts';
import type { EndedRun, LoadRunDeps, RunContext, Taken, WriteTools } from './run-context.ts';
import { snapshotStep } from './snapshot-step.ts';

/** Runs the load until it reaches what was asked for, is stopped, or is taken over. */
export function runTaken(settings: LoadSettings, deps: LoadRunDeps, taken: Taken): Promise<EndedRun> {
  return withContext(settings, deps, taken, runSteps);
}

/** Does what operators ask about dead letters, and nothing else. */
export function serveTaken(settings: LoadSettings, deps: LoadRunDeps, taken: Taken): Promise<EndedRun> {
  return withContext(settings, deps, taken, async (context) => {
    const tools = openTools(context);
    await openProgress(context);
    await tools.obeying.begin();
    const service = letterService(context, tools);
    // Who retries letters of a paused load waits, and hears when it is resumed.
    await using _ = new LogWatch(context, tools.obeying, service);
    await service.serve();
    return 'stopped';
  });
}

async function withContext(
  settings: LoadSettings,
  deps: LoadRunDeps,
  taken: Taken,
  run: (context: RunContext) => Promise<LoadResult['outcome']>,
): Promise<EndedRun> {
  const { identity, target, log } = taken;
  const letters = await openLetters(settings, deps, log);
  const structure = await openStructure(settings, deps, taken, letters);
  const owner = { load: settings.load, epoch: log.epoch, lanes: identity.lanes };
  const context: RunContext = {
    ...taken,
    settings,
    deps,
    structure,
    streamPrefix: streamPrefix(settings.stream),
    progress: new Progress(target.progress, owner),
    milestones: new LoadMilestones(log),
    letters,
  };
  try {
    return { result: resultOf(context, await run(context)) };
  } catch (error) {
    if (hasCode(error, 'LOAD_FENCED')) return { result: resultOf(context, 'stopped'), fenced: error };
    // A load that follows its stream ends by a stop on request. Its cursors say how far it came.
    if (!hasCode(error, 'INTERRUPTED') || !deps.signal.aborted) throw error;
    deps.logger.info('load stopped on request');
    return { result: resultOf(context, 'stopped') };
  } finally {
    await letters.settle();
  }
}

async function runSteps(context: RunContext): Promise<LoadResult['outcome']> {
  const { settings, deps, filter, mapping, milestones } = context;
  const tools = openTools(context);
  const loaded = await openProgress(context);
  await milestones.recordOnce('load-started', { ...filterEvidence(filter), ...mappingEvidence(mapping) });
  await tools.obeying.begin();
  const service = letterService(context, tools);
  await using watch = new LogWatch(context, tools.obeying, service);
  const changesFrom = await snapshotStep(context, tools, loaded);
  await tools.gate.whenOpen(deps.signal);
  await indexesStep(context, loaded.phases);
  if (settings.until === 'snapshot-applied') return 'snapshot-applied';
  return await changesStep(context, { ...tools, service }, loaded, changesFrom, watch);
}

async function openProgress(context: RunContext): Promise<LoadedProgress> {
  const { settings, deps, structure, progress, log, filter, mapping } = context;
  const loaded = await attempt(structure, () => progress.takeOver());
  deps.logger.info('load taken over', {
    epoch: log.epoch,
    takes: filterText(filter),
    ...(!mapping.isIdentity && { names: mappingText(mapping) }),
    ...loaded.phases,
    commit: slowest(loaded.cursors).seq,
    finishedSegments: loaded.finished.length,
  });
  const { writeConcern } = settings;
  const risk = riskOf(writeConcern);
  if (risk !== null) deps.logger.warn(`--write-concern may be below a majority: ${risk}`, { writeConcern });
  const { target } = context;
  await attempt(structure, () => target.learnt.restore(target.progress, learntId(settings.load)));
  deps.onTarget?.({ title: target.profile.title, decisions: target.decisions() });
  await assertAllThere(context, loaded);
  return loaded;
}

async function openStructure(
  settings: LoadSettings,
  { stats, logger, signal }: LoadRunDeps,
  { target, ownership, filter, mapping }: Taken,
  letters: DeadLetters,
): Promise<StructureContext> {
  const base = { target, ownership, takes: takesOf(filter), mapping, settings, stats, logger, signal };
  const registry = await attempt(base, () => Registry.open(target.progress, settings.load));
  return { ...base, registry, letters };
}

function openTools(context: RunContext): WriteTools {
  const { settings, deps, structure, target, log, ownership, milestones, letters } = context;
  const restored = new RestoredIndexes({
    ...structure,
    recordHeldBack: (index) => milestones.recordHeldBack(index),
  });
  const gate = new Gate({
    ...deps,
    workers: settings.workers,
    rules: deps.target.profile.rate,
    pace: deps.stats.pace,
  });
  const startLimit = parseRateLimit(settings.maxWriteRate);
  const obeying = new Obeying({ ...deps, log, gate, startLimit });
  const sending = {
    ...deps,
    target,
    ownership,
    indexes: restored,
    gate,
    keepLearnt: () =>
      attempt(structure, () => target.learnt.save(target.progress, learntId(settings.load), settings.load)),
  };
  const placements = new Placements({ ...deps, target, ownership });
  const placed = new PlacedWriter(new Writer(sending), new KeyedWriter(sending), placements);
  const rules = ofDocumentSize(target.documentRules, settings.maxDocumentSize);
  const { profile, capabilities } = target;
  const formed = insertsDollarNames(profile.writes, capabilities) ? new InsertingWriter(placed) : placed;
  const writer = checkedWriter(formed, rules);
  const onRefused = deps.onRefused ?? ((refusals) => letters.refused(refusals));
  return { gate, obeying, restored, writer, placements, onRefused, letters };
}

/** Once the load has written something, the bucket and the target must still hold it. */
async function assertAllThere(
  { structure, streamPrefix, log, deps: { bucket, onReadAgain: onRetry, signal } }: RunContext,
  loaded: LoadedProgress,
): Promise<void> {
  if (structure.registry.all().length === 0 && slowest(loaded.cursors).seq === 0) return;
  const stream = await readManifest(bucket, streamPrefix, { onRetry, signal });
  await assertStreamGoesOn(bucket, streamPrefix, stream, loaded, signal);
  await assertStanding(structure, loaded, stream, log.state.deadLetters?.letters ?? 0);
}

function resultOf({ log, structure }: RunContext, outcome: LoadResult['outcome']): LoadResult {
  const { registry, stats } = structure;
  return {
    outcome,
    epoch: log.epoch,
    sequence: stats.sequence,
    watermark: stats.watermark,
    indexes: registry.all().flatMap(reportOf),
    blocked: registry.all().flatMap(blockedIn).filter(isNoIndex),
  };
}

/** Refused indexes are reported among the indexes. */
function isNoIndex({ kind }: Blocked): boolean {
  return kind !== 'index';
}
