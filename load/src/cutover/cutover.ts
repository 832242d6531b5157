/**
 * The exact cutover. Writes to the source have stopped: that is the operator's word, and it is checked at the end.
 *
 *   operation time W ── note writes-stopped(W) ── capture: drained(W) ── load: drained(W) ── nothing violates a unique index
 *     ── documents verified ── drained again to a later W: nobody wrote in between ── unique and hidden, then TTL restored
 *     ── structure verified ── note verified and cutover, unless the load held an index back again meanwhile
 *
 * Safe to run again after a kill anywhere: everything up to the last note is repeated with a new W, restoring what is
 * restored changes nothing, and a load whose log has `cutover` is only reported. Indexes come last: from then on the target
 * refuses a value that goes from one document to another, and deletes by itself. Should the source be written to after an attempt that came
 * so far, the load holds back again what is in its way. The source's own TTL goes on deleting, and what it deletes flows on to the target.
 */
import type { Bucket } from '@waybill/shared/bucket/bucket';
import { type ErrorContext, WaybillError } from '@waybill/shared/errors';
import type { Logger } from '@waybill/shared/logger';
import type { Milestone, StreamIdentity } from '@waybill/shared/manifest/commit';
import { readStream } from '@waybill/shared/manifest/identity';
import { loadPrefix, streamPrefix } from '@waybill/shared/manifest/keys';
import { readManifest } from '@waybill/shared/manifest/log';
import { appendNote } from '@waybill/shared/manifest/note';
import { milestoneOf, type StreamState } from '@waybill/shared/manifest/state';
import { listCatalog } from '@waybill/shared/mongo/catalog';
import type { MongoConnection } from '@waybill/shared/mongo/connection';
import type { NamespaceFilter } from '@waybill/shared/mongo/namespace-filter';
import { currentOperationTime } from '@waybill/shared/mongo/operation-time';
import { isKnownAs, sourceIdentity } from '@waybill/shared/mongo/source-identity';
import { formatClusterTime } from '@waybill/shared/position';
import { DEFAULT_RETRY, retry } from '@waybill/shared/retry';
import { comparedNamespaces, EVERYTHING, type LoadFilter, recordedFilter, takesOf } from '../load-filter.ts';
import { writerName } from '../progress/process-identity.ts';
import { streamIdentityText } from '../progress/stream-identity.ts';
import { LOAD_DEFAULTS } from '../settings.ts';
import { mongodbProgressStore } from '../target/mongodb-progress.ts';
import { indexFields, optionFields } from '../verify/definition-fields.ts';
import { LoadWatch } from '../verify/load-watch.ts';
import { isDifference, type VerifyReport } from '../verify/report.ts';
import { runVerify, type VerifySettings, type VerifyStats, verifyStructure } from '../verify/verify.ts';
import { countLateChanges } from './late-changes.ts';
import { waitForLoadToEnd } from './load-end.ts';
import { findViolations, type RestoreReport, restoreHeldBack } from './restore.ts';
import { captureStalled, loadStalled, type Reached, waitForMilestone } from './wait.ts';

export interface CutoverSettings {
  readonly stream: string;
  readonly load: string;
  readonly progressDatabase: string;
  /** A wait in which nothing moves for this long is given up, in milliseconds. */
  readonly stalledMs: number;
  readonly verify: Partial<VerifySettings>;
}

export type CutoverStep =
  | 'waiting for capture'
  | 'waiting for load'
  | 'checking indexes'
  | 'verifying'
  | 'restoring indexes'
  | 'done'
  | 'waiting for load to end';

export interface CutoverDeps {
  readonly bucket: Bucket;
  readonly source: MongoConnection;
  readonly target: MongoConnection;
  readonly logger: Logger;
  readonly stats: VerifyStats;
  readonly signal: AbortSignal;
  readonly onStep: (step: CutoverStep) => void;
}

export interface CutoverResult {
  readonly alreadyDone: boolean;
  /** The source's operation time after writes stopped. */
  readonly writesStopped: string;
  readonly restored: readonly RestoreReport[];
  /** Null where the cutover had been done before. */
  readonly verification: VerifyReport | null;
  /** Of the stream and of the load, in time's order. */
  readonly milestones: readonly Milestone[];
}

/** @throws CUTOVER_NOT_READY, VERIFY_DIFFERENT, STREAM_MISSING, STREAM_FOREIGN_SOURCE, and errors of the servers and the bucket */
export async function runCutover(settings: CutoverSettings, deps: CutoverDeps): Promise<CutoverResult> {
  return new Cutover(settings, deps).run();
}

const LOAD_END_MS = 30_000;

class Cutover {
  readonly #settings: CutoverSettings;
  readonly #deps: CutoverDeps;
  readonly #stream: string;
  readonly #load: string;

  constructor(settings: CutoverSettings, deps: CutoverDeps) {
    this.#settings = settings;
    this.#deps = deps;
    this.#stream = streamPrefix(settings.stream);
    this.#load = loadPrefix(settings.stream, settings.load);
  }

  async run(): Promise<CutoverResult> {
    const { source } = this.#deps;
    const identity = await this.#identity();
    const log = await this.#loadLog();
    const done = milestoneOf(log, 'cutover');
    if (done) {
      await this.#loadEnds();
      return this.#result(true, done.clusterTime ?? '', [], null);
    }
    const watch = await this.#watchLoad(identity);
    const taken = recordedFilter(log) ?? EVERYTHING;
    const filter = comparedNamespaces(identity, taken);

    const stopped = await this.#drain(watch, {});
    await this.#assertNothingViolates();
    const verified = await this.#verify(filter, watch);
    const still = await this.#drain(watch, { again: true });
    await this.#assertNobodyWrote(
      stopped.capture,
      still.capture,
      taken,
      await expiringCollections(source, filter, this.#deps.signal),
    );
    const beforeRestore = await this.#loadLog();
    const restored = await this.#restore();
    const verification = await this.#verifyStructure(filter, watch, verified);

    const { writesStopped, capture } = stopped;
    if (milestoneOf(await this.#loadLog(), 'cutover'))
      return this.#result(true, writesStopped, restored, verification);
    const { documents, bytes } = sums(verification);
    const evidence = { collections: verification.collections.length, documents, bytes };
    const at = { clusterTime: writesStopped, sequence: capture.milestone.sequence };
    const facts = [{ name: 'verified', ...at, evidence } as const, { name: 'cutover', ...at } as const];
    await this.#note(this.#load, facts, (log) => this.#assertNothingHeldBack(beforeRestore, log));
    await this.#loadEnds();
    this.#deps.onStep('done');
    return this.#result(false, writesStopped, restored, verification);
  }

  /** The load sees its cutover and stops. Before that, late changes of the source could reach a target that is in use. */
  async #loadEnds(): Promise<void> {
    const { target, signal, logger, onStep } = this.#deps;
    const { load, progressDatabase } = this.#settings;
    onStep('waiting for load to end');
    const store = mongodbProgressStore(target, progressDatabase);
    const limits = { silentMs: LOAD_DEFAULTS.leaseMs + 1000, limitMs: LOAD_END_MS, signal };
    if (await waitForLoadToEnd(store, load, limits)) return;
    logger.warn('the load still runs after its cutover; stop it before the target is used', { load });
  }

  #loadLog(): Promise<StreamState> {
    const { bucket, signal } = this.#deps;
    return readManifest(bucket, this.#load, { signal });
  }

  /** After making sure that this is the stream's source. */
  async #identity(): Promise<StreamIdentity> {
    const { bucket, source, signal } = this.#deps;
    const identity = await readStream(bucket, this.#stream, { signal });
    if (isKnownAs(await sourceIdentity(source, signal), identity.source)) return identity;
    throw new WaybillError(
      'STREAM_FOREIGN_SOURCE',
      `stream ${identity.stream} was not captured from ${source.url}`,
      {
        hint: 'Give the --source that the capture reads, with a user that may read no less (clusterMonitor), or the right --bucket and --stream.',
        context: { stream: identity.stream, source: source.url },
      },
    );
  }

  /** After making sure that this is the load's target: another one could be a copy too, of another load. */
  async #watchLoad(identity: StreamIdentity): Promise<LoadWatch> {
    const { target, signal } = this.#deps;
    const { load, progressDatabase } = this.#settings;
    const store = mongodbProgressStore(target, progressDatabase);
    const watch = new LoadWatch(store, load, streamIdentityText(identity));
    const { owner } = await watch.look(signal);
    if (owner === 'ours') return watch;
    const what = owner === 'none' ? `has no load ${load}` : `has a load ${load} of another stream`;
    throw new WaybillError('CUTOVER_NOT_READY', `the target ${target.url} ${what}`, {
      hint: 'Check --target, --load, --bucket and --stream, or start `waybill load` first.',
      context: { load, target: target.url },
    });
  }

  /** Everything that the source had acknowledged at the call is on the target. */
  async #drain(
    watch: LoadWatch,
    evidence: NonNullable<Milestone['evidence']>,
  ): Promise<{ readonly writesStopped: string; readonly capture: Reached }> {
    const { bucket, source, signal, onStep } = this.#deps;
    const { stream, load, stalledMs } = this.#settings;
    // Before the time is taken: no drain that this log tells of reaches as far, so the wait ends at the very commit that does.
    const from = await readManifest(bucket, this.#stream, { signal });
    const time = await retry(() => currentOperationTime(source, { signal }), DEFAULT_RETRY, { signal });
    const writesStopped = formatClusterTime(time);
    await this.#note(this.#stream, [
      { name: 'writes-stopped', clusterTime: writesStopped, sequence: null, evidence },
    ]);
    onStep('waiting for capture');
    const drained = { name: 'drained', time } as const;
    const capture = await waitForMilestone(
      bucket,
      this.#stream,
      { ...drained, timeOf: ({ clusterTime }) => clusterTime },
      () => captureStalled(stream),
      { signal, stalledMs, from },
    );
    onStep('waiting for load');
    await waitForMilestone(
      bucket,
      this.#load,
      { ...drained, timeOf: (milestone) => String(milestone.evidence?.streamClusterTime ?? '') },
      () => loadStalled(load),
      { signal, stalledMs, silentMs: async () => (await watch.look(signal)).silentMs },
    );
    return { writesStopped, capture };
  }

  async #assertNothingViolates(): Promise<void> {
    this.#deps.onStep('checking indexes');
    assertNoneRefused(await findViolations(this.#settings, this.#deps));
  }

  async #restore(): Promise<RestoreReport[]> {
    this.#deps.onStep('restoring indexes');
    // Expiry after everything else, of all collections: a kill in between leaves a target that does not delete by itself.
    assertNoneRefused(await restoreHeldBack({ ...this.#settings, kinds: ['unique', 'hidden'] }, this.#deps));
    const reports = await restoreHeldBack(this.#settings, this.#deps);
    assertNoneRefused(reports);
    return reports;
  }

  /** The load records it before it does so: in the order of its log either the cutover is first, or is not. */
  #assertNothingHeldBack(before: StreamState, now: StreamState): void {
    const at = (log: StreamState): string | undefined => milestoneOf(log, 'indexes-built')?.at;
    if (at(now) !== at(before)) throw this.#writtenTo({});
  }

  #writtenTo(context: ErrorContext): WaybillError {
    return new WaybillError('CUTOVER_NOT_READY', 'the source was written to after its writes had stopped', {
      hint: 'Find out who still writes to the source, stop it, and run the cutover again. Nothing is lost: the changes are captured.',
      context: { stream: this.#settings.stream, ...context },
    });
  }

  async #verify(filter: NamespaceFilter, load: LoadWatch): Promise<VerifyReport> {
    const { source, target, stats, signal, onStep } = this.#deps;
    onStep('verifying');
    const report = await runVerify(this.#settings.verify, { source, target, filter, load, stats, signal });
    if (report.same) return report;
    throw new VerificationDiffers(report, this.#settings.load);
  }

  /** The report as of the end: nothing is held back any more. */
  async #verifyStructure(
    filter: NamespaceFilter,
    load: LoadWatch,
    verified: VerifyReport,
  ): Promise<VerifyReport> {
    const found = await verifyStructure({ ...this.#deps, filter, load });
    const structure = found.map((difference) => ({ ...difference, heldBack: false }));
    const same = !structure.some(isDifference);
    if (same) return { ...verified, structure };
    throw new VerificationDiffers({ ...verified, structure, same }, this.#settings.load);
  }

  /** Capture goes on after the drain, so a write that nobody expected has a sequence by now. */
  async #assertNobodyWrote(
    before: Reached,
    now: Reached,
    taken: LoadFilter,
    expiring: ReadonlySet<string>,
  ): Promise<void> {
    const { bucket, signal } = this.#deps;
    const late = await countLateChanges(bucket, this.#stream, {
      after: before.state,
      until: now.state.seq,
      takes: takesOf(taken),
      expires: (namespace) => expiring.has(namespace),
      signal,
    });
    if (late > 0) throw this.#writtenTo({ changes: late });
  }

  async #note(
    prefix: string,
    facts: readonly Omit<Milestone, 'at'>[],
    check?: (log: StreamState) => void,
  ): Promise<void> {
    const { bucket, signal, logger } = this.#deps;
    const at = new Date().toISOString();
    const milestones = facts.map((fact): Milestone => ({ ...fact, at }));
    await appendNote(bucket, prefix, milestones, { writer: writerName(), signal, ...(check && { check }) });
    for (const { name, clusterTime } of milestones)
      logger.info('milestone', { milestone: name, clusterTime });
  }

  async #result(
    alreadyDone: boolean,
    writesStopped: string,
    restored: readonly RestoreReport[],
    verification: VerifyReport | null,
  ): Promise<CutoverResult> {
    const { bucket, signal } = this.#deps;
    const logs: StreamState[] = [
      await readManifest(bucket, this.#stream, { signal }),
      await readManifest(bucket, this.#load, { signal }),
    ];
    const milestones = logs
      .flatMap((log) => log.milestones)
      .filter(({ name }) => name !== 'collection-completed')
      .sort((a, b) => (a.at < b.at ? -1 : a.at > b.at ? 1 : 0));
    return { alreadyDone, writesStopped, restored, verification, milestones };
  }
}

/** Carries the report, which the command prints. */
export class VerificationDiffers extends WaybillError {
  readonly report: VerifyReport;

  constructor(report: VerifyReport, load: string) {
    super('VERIFY_DIFFERENT', 'source and target differ, so the cutover stops here', {
      hint: 'Look at the report. Changes still on their way settle by themselves: run the cutover again.',
      context: { load },
    });
    this.report = report;
  }
}

function assertNoneRefused(reports: readonly RestoreReport[]): void {
  const refused = reports.filter(({ outcome }) => outcome === 'refused');
  const [first] = refused;
  if (!first) return;
  const which = `${first.index} of ${first.namespace}: ${first.note ?? 'refused'}`;
  const message =
    refused.length === 1
      ? `an index cannot be made as on the source, ${which}`
      : `${refused.length} indexes cannot be made as on the source, first ${which}`;
  throw new WaybillError('CUTOVER_NOT_READY', message, {
    hint: 'Mend what the target holds (the message says what violates), and run the cutover again.',
    context: { namespace: first.namespace, index: first.index },
  });
}

function sums({ collections }: VerifyReport): { documents: number; bytes: number } {
  let [documents, bytes] = [0, 0];
  for (const collection of collections) {
    documents += collection.sourceDocuments;
    bytes += collection.bytes;
  }
  return { documents, bytes };
}

/** Collections whose documents the source deletes by itself. */
async function expiringCollections(
  source: MongoConnection,
  filter: NamespaceFilter,
  signal: AbortSignal,
): Promise<ReadonlySet<string>> {
  const expiring = new Set<string>();
  for (const { namespace, options, indexes } of await listCatalog(source, filter, signal)) {
    const fields = [optionFields(options), ...indexes.map(indexFields)];
    if (fields.some((each) => each.has('expireAfterSeconds'))) expiring.add(namespace);
  }
  return expiring;
}
