/**
 * The exact cutover. The operator says that writes to the source have stopped; the end of the
 * cutover checks it.
 *
 *   W, the source's operation time ── writes-stopped(W) noted
 *     ── capture has drained(W) ── load has drained(W)
 *     ── nothing violates a unique index ── documents verified
 *     ── drained again, to a later W: nobody wrote in between
 *     ── unique and hidden restored ── structure verified, apart from expiry ── TTL restored
 *     ── the load is ended and shut out (load-end.ts)
 *     ── capture has drained a last W: nobody wrote since the first one, and the load held back
 *        no index again
 *     ── structure verified ── verified and cutover recorded
 *
 * It may run again after a kill anywhere: everything up to the record is repeated with a new W, and
 * restoring twice changes nothing. Restoring is the long step. So the proof that nobody wrote comes
 * behind it, when the load can change nothing any more.
 *
 * Indexes come after the documents. From then on the target refuses a value that moves from one
 * document to another, and deletes by itself. If somebody writes to the source after an attempt
 * that came so far, the load holds back again what is in its way. The source's own TTL goes on
 * deleting. Until the load is ended its deletes flow on to the target; from then on the target's
 * own expiry, restored by now, does the same.
 */
import type { Milestone, StreamIdentity } from '@waybill/shared/manifest/commit';
import { loadPrefix, streamPrefix } from '@waybill/shared/manifest/keys';
import { readManifest } from '@waybill/shared/manifest/log';
import { milestoneOf, type StreamState } from '@waybill/shared/manifest/state';
import { streamPatterns } from '@waybill/shared/manifest/stream-patterns';
import { cappedExpires } from '@waybill/shared/mongo/facts/catalog';
import { mappingOf } from '../mapping/settle-mapping.ts';
import { boundLoad } from '../progress/log-and-target.ts';
import { readOwner } from '../progress/owner.ts';
import { streamIdentityText } from '../progress/stream-identity.ts';
import { comparedNamespaces, EVERYTHING, recordedFilter, takesOf } from '../settings/load-filter.ts';
import { acceptName } from '../verify/acceptance.ts';
import { keepReport } from '../verify/kept-report.ts';
import { LoadWatch } from '../verify/load-watch.ts';
import { isEmpty, type VerifyReport } from '../verify/report.ts';
import type { RestoreReport } from './collection-restore.ts';
import type { Compared, CutoverContext, CutoverDeps, CutoverSettings } from './context.ts';
import { type Drained, drain, drainCapture } from './drain.ts';
import { EndedLoad } from './load-end.ts';
import {
  assertLettersAccepted,
  assertNoneRefused,
  assertNothingHeldBack,
  proveAcceptable,
  proveNobodyWrote,
  proveSame,
  proveStructure,
  VerificationDiffers,
} from './proof.ts';
import { buildMissing, findViolations, type RestoreDeps, restoreHeldBack } from './restore.ts';
import { streamOfSides } from './sides.ts';

export interface CutoverResult {
  readonly alreadyDone: boolean;
  /** The source's operation time after writes stopped. */
  readonly writesStopped: string;
  readonly restored: readonly RestoreReport[];
  /** Null where the cutover had been done before. */
  readonly verification: VerifyReport | null;
  /** Of stream and load, in the order of time. */
  readonly milestones: readonly Milestone[];
}

/** Names in a milestone, since a commit has a few KiB. */
const ACCEPTED_TOLD = 50;

/**
 * @throws CUTOVER_NOT_READY, VERIFY_DIFFERENT, VERIFY_NOTHING_COMPARED, LOAD_MISSING,
 *   STREAM_FOREIGN_SOURCE, TARGET_IS_SOURCE, LOAD_OTHER_TARGET, and errors of the servers and the
 *   bucket
 */
export async function runCutover(settings: CutoverSettings, deps: CutoverDeps): Promise<CutoverResult> {
  try {
    return await cutOver(settings, deps);
  } catch (error) {
    if (error instanceof VerificationDiffers)
      await keepReport({ ...deps, ...settings }, 'cutover', error.report);
    throw error;
  }
}

async function cutOver(settings: CutoverSettings, deps: CutoverDeps): Promise<CutoverResult> {
  const { stream, load } = settings;
  const { bucket, signal } = deps;
  const prefixes = { streamPrefix: streamPrefix(stream), loadPrefix: loadPrefix(stream, load) };
  const identity = await streamOfSides({ ...deps, ...prefixes });
  const { log, sight } = await boundLoad({ ...deps, ...settings, identity });
  const { progressDatabase } = sight;
  const context: CutoverContext = { ...deps, ...prefixes, settings: { ...settings, progressDatabase } };
  const done = milestoneOf(log, 'cutover');
  if (done) {
    await shutOutAgain(context, identity);
    return result(context, { alreadyDone: true, writesStopped: done.clusterTime ?? '' });
  }
  const watch = new LoadWatch(deps.target.progress(progressDatabase), load, streamIdentityText(identity));
  const captured = await readManifest(bucket, context.streamPrefix, context);
  const compared = comparedBy(identity, captured, log);

  const stopped = await drain(context, watch, {});
  assertLettersAccepted(context, await loadLog(context));
  deps.onStep('checking indexes');
  const inScope = { ...context, filter: compared.filter };
  const missing = await buildMissing(context.settings, inScope);
  const structure = await proveAcceptable(context, compared, watch, missing);
  assertNoneRefused(context, missing, { structure });
  assertNoneRefused(context, await findViolations(context.settings, inScope), { structure });
  const verified = await proveSame(context, compared, watch);
  const before = await loadLog(context);
  const still = await drain(context, watch, { again: true });
  const first = stopped.capture.state;
  await proveNobodyWrote(context, compared, first, still.capture.state);
  const restored = await restore(inScope, verified, () =>
    proveStructure(context, compared, watch, verified, 'but-expiry').catch(async (error: unknown) => {
      // The difference may be an index that the load holds back again.
      assertNothingHeldBack(context, before, await loadLog(context));
      throw error;
    }),
  );
  // Mostly finds out who still writes while the load runs, and can apply it.
  await proveNobodyWrote(
    context,
    compared,
    first,
    await readManifest(bucket, context.streamPrefix, { signal }),
  );
  await using ended = await EndedLoad.take(context, identity);
  const { writesStopped } = stopped;
  if (milestoneOf(ended.log, 'cutover'))
    return result(context, { alreadyDone: true, writesStopped, restored });
  const last = await drainCapture(context, { again: true });
  await proveNobodyWrote(context, compared, first, last.capture.state);
  assertNothingHeldBack(context, before, ended.log);
  const verification = await proveStructure(context, compared, watch, verified, 'restored');
  const report = await keepReport({ ...deps, ...settings }, 'cutover', verification);
  await record(context, ended, stopped, verification, report);
  deps.onStep('done');
  return result(context, { alreadyDone: false, writesStopped, restored, verification });
}

/**
 * Restores expiry last, after everything else of all collections is restored and proven. A cutover
 * that stops before leaves a target that does not delete by itself.
 */
async function restore(
  context: CutoverContext & RestoreDeps,
  verified: VerifyReport,
  proveRest: () => Promise<VerifyReport>,
): Promise<RestoreReport[]> {
  const { onStep, source } = context;
  const settings = { ...context.settings, cappedExpires: cappedExpires(source.server) };
  onStep('restoring indexes');
  const first = await restoreHeldBack({ ...settings, kinds: ['unique', 'hidden'] }, context);
  assertNoneRefused(context, first, verified);
  await proveRest();
  const reports = await restoreHeldBack(settings, context);
  assertNoneRefused(context, reports, verified);
  return reports;
}

function comparedBy(identity: StreamIdentity, stream: StreamState, log: StreamState): Compared {
  const taken = recordedFilter(log) ?? EVERYTHING;
  const filter = comparedNamespaces(identity, streamPatterns(identity, stream), taken);
  return { filter, takes: takesOf(taken), mapping: mappingOf(log) };
}

async function record(
  context: CutoverContext,
  load: EndedLoad,
  { writesStopped, capture }: Drained,
  report: VerifyReport,
  kept: string | null,
): Promise<void> {
  let [documents, bytes] = [0, 0];
  const { collections } = report;
  const letters = assertLettersAccepted(context, load.log);
  for (const collection of collections) {
    documents += collection.sourceDocuments;
    bytes += collection.bytes;
  }
  const evidence = {
    collections: collections.length,
    documents,
    bytes,
    ...(isEmpty(report) && { allowEmpty: true }),
    ...acceptedEvidence(report),
    ...(letters > 0 && { deadLetters: letters }),
    ...(kept !== null && { report: kept }),
  };
  const at = { clusterTime: writesStopped, sequence: capture.milestone.sequence };
  const left = letters > 0 ? { evidence: { deadLetters: letters } } : {};
  const facts = [
    { name: 'verified', ...at, evidence } as const,
    { name: 'cutover', ...at, ...left } as const,
  ];
  await load.record(facts);
  for (const { name, clusterTime } of facts)
    context.logger.info('milestone', { milestone: name, clusterTime });
}

/**
 * An earlier version recorded the cutover before it ended the load, and may have been killed in
 * between.
 */
async function shutOutAgain(context: CutoverContext, identity: StreamIdentity): Promise<void> {
  const { target, settings } = context;
  const store = target.progress(settings.progressDatabase);
  const owner = await readOwner(store, settings.load, context.signal);
  if (!owner || typeof owner.cutover === 'string') return;
  await using _ended = await EndedLoad.take(context, identity);
}

/** The accepted names, as one JSON array. The report in the bucket has all of them. */
function acceptedEvidence({ structure }: VerifyReport): { accepted?: string; acceptedCount?: number } {
  const names = structure.filter(({ accepted }) => accepted).map(acceptName);
  if (names.length === 0) return {};
  return { accepted: JSON.stringify(names.slice(0, ACCEPTED_TOLD)), acceptedCount: names.length };
}

function loadLog({ bucket, loadPrefix, signal }: CutoverContext): Promise<StreamState> {
  return readManifest(bucket, loadPrefix, { signal });
}

async function result(
  context: CutoverContext,
  {
    alreadyDone,
    writesStopped,
    restored = [],
    verification = null,
  }: Pick<CutoverResult, 'alreadyDone' | 'writesStopped'> & Partial<CutoverResult>,
): Promise<CutoverResult> {
  const { bucket, streamPrefix, signal } = context;
  const logs = [await readManifest(bucket, streamPrefix, { signal }), await loadLog(context)];
  const milestones = logs
    .flatMap((log) => log.milestones)
    .filter(({ name }) => name !== 'collection-completed')
    .sort((a, b) => (a.at < b.at ? -1 : a.at > b.at ? 1 : 0));
  return { alreadyDone, writesStopped, restored, verification, milestones };
}
