/**
 * The exact cutover. Writes to the source have stopped: that is the operator's word, and it is checked at the end.
 *
 *   operation time W ── note writes-stopped(W) ── capture: drained(W) ── load: drained(W) ── unique, hidden restored
 *     ── documents verified ── TTL restored ── structure verified ── no change came after W ── notes verified, cutover
 *
 * Safe to run again after a kill anywhere: everything up to the last notes is repeated with a new W, restoring what is
 * restored changes nothing, and a load whose log has `cutover` is only reported. TTL comes after the documents, because from then
 * on the target deletes by itself.
 */
import type { Bucket } from '@waybill/shared/bucket/bucket';
import { WaybillError } from '@waybill/shared/errors';
import type { Logger } from '@waybill/shared/logger';
import type { Milestone } from '@waybill/shared/manifest/commit';
import { readStream } from '@waybill/shared/manifest/identity';
import { loadPrefix, streamPrefix } from '@waybill/shared/manifest/keys';
import { readManifest } from '@waybill/shared/manifest/log';
import { appendNote } from '@waybill/shared/manifest/note';
import { milestoneOf, type StreamState } from '@waybill/shared/manifest/state';
import type { MongoConnection } from '@waybill/shared/mongo/connection';
import { NamespaceFilter } from '@waybill/shared/mongo/namespace-filter';
import { currentOperationTime } from '@waybill/shared/mongo/operation-time';
import { sourceIdentity } from '@waybill/shared/mongo/source-identity';
import { formatClusterTime } from '@waybill/shared/position';
import { writerName } from '../progress/process-identity.ts';
import type { VerifyReport } from '../verify/report.ts';
import { runVerify, type VerifySettings, type VerifyStats, verifyStructure } from '../verify/verify.ts';
import { type RestoreReport, restoreHeldBack } from './restore.ts';
import { captureStalled, loadStalled, waitForMilestone } from './wait.ts';

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
  | 'restoring indexes'
  | 'verifying'
  | 'restoring expiry'
  | 'done';

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
    const { bucket, source, signal } = this.#deps;
    const filter = await this.#filter();
    const before = await readManifest(bucket, this.#load, { signal });
    const done = milestoneOf(before, 'cutover');
    if (done) return this.#result(true, done.clusterTime ?? '', [], null);

    const stoppedAt = await currentOperationTime(source, { signal });
    const writesStopped = formatClusterTime(stoppedAt);
    await this.#note(this.#stream, 'writes-stopped', writesStopped, null);
    const drained = await this.#waitForCapture(stoppedAt);
    await this.#waitForLoad(stoppedAt);

    await this.#restore('restoring indexes', ['unique', 'hidden']);
    const verification = await this.#verify(filter);
    // Everything once more, and the expiry with it: the report is of the end.
    const restored = await this.#restore('restoring expiry', ['unique', 'hidden', 'ttl']);
    await this.#assertStructure(filter, verification, restored);
    await this.#assertNoWritesSince(drained);

    const { documents, bytes } = sums(verification);
    const evidence = { collections: verification.collections.length, documents, bytes };
    await this.#note(this.#load, 'verified', writesStopped, drained.sequence, evidence);
    await this.#note(this.#load, 'cutover', writesStopped, drained.sequence);
    this.#deps.onStep('done');
    return this.#result(false, writesStopped, restored, verification);
  }

  /** Of the stream's own namespaces, after making sure that this is its source. */
  async #filter(): Promise<NamespaceFilter> {
    const { bucket, source, signal } = this.#deps;
    const stream = await readStream(bucket, this.#stream, { signal });
    const { id } = await sourceIdentity(source, signal);
    if (id !== stream.source) {
      throw new WaybillError(
        'STREAM_FOREIGN_SOURCE',
        `stream ${stream.stream} was not captured from ${source.url}`,
        {
          hint: 'Give the --source that the capture reads, or the right --bucket and --stream.',
          context: { stream: stream.stream, source: source.url },
        },
      );
    }
    return new NamespaceFilter({ include: stream.include, exclude: stream.exclude });
  }

  async #waitForCapture(stoppedAt: bigint): Promise<Milestone> {
    const { bucket, signal, onStep } = this.#deps;
    onStep('waiting for capture');
    const wanted = { name: 'drained', time: stoppedAt, timeOf: (m: Milestone) => m.clusterTime } as const;
    const stalled = (): WaybillError => captureStalled(this.#settings.stream);
    const options = { signal, stalledMs: this.#settings.stalledMs };
    return (await waitForMilestone(bucket, this.#stream, wanted, stalled, options)).milestone;
  }

  async #waitForLoad(stoppedAt: bigint): Promise<void> {
    const { bucket, signal, onStep } = this.#deps;
    onStep('waiting for load');
    const timeOf = (milestone: Milestone): string | null =>
      String(milestone.evidence?.streamClusterTime ?? '');
    const wanted = { name: 'drained', time: stoppedAt, timeOf } as const;
    const stalled = (): WaybillError => loadStalled(this.#settings.load);
    await waitForMilestone(bucket, this.#load, wanted, stalled, {
      signal,
      stalledMs: this.#settings.stalledMs,
    });
  }

  async #restore(
    step: CutoverStep,
    kinds: readonly ('unique' | 'hidden' | 'ttl')[],
  ): Promise<RestoreReport[]> {
    const { target, signal, logger, onStep } = this.#deps;
    onStep(step);
    const { load, progressDatabase } = this.#settings;
    const reports = await restoreHeldBack({ load, progressDatabase, kinds }, { target, signal, logger });
    const refused = reports.filter(({ outcome }) => outcome === 'refused');
    if (refused.length > 0) {
      const [first] = refused as [RestoreReport];
      const message = `${refused.length} indexes cannot be made as on the source, first ${first.index} of ${first.namespace}: ${first.note ?? 'refused'}`;
      throw new WaybillError('CUTOVER_NOT_READY', message, {
        hint: 'Mend what the target holds (the message says what violates), and run the cutover again.',
        context: { namespace: first.namespace, index: first.index },
      });
    }
    return reports;
  }

  async #verify(filter: NamespaceFilter): Promise<VerifyReport> {
    const { source, target, stats, signal, onStep } = this.#deps;
    onStep('verifying');
    const report = await runVerify(this.#settings.verify, { source, target, filter, stats, signal });
    if (report.same) return report;
    throw new VerificationDiffers(report, this.#settings.load);
  }

  /** Nothing is held back any more. What the target has no such index for was reported by the load, and is no surprise now. */
  async #assertStructure(
    filter: NamespaceFilter,
    verification: VerifyReport,
    restored: readonly RestoreReport[],
  ): Promise<void> {
    const skipped = new Set(
      restored
        .filter(({ outcome }) => outcome === 'skipped')
        .map(({ namespace, index }) => `${namespace} ${index}`),
    );
    const structure = (await verifyStructure({ ...this.#deps, filter }))
      .filter(
        ({ what, namespace, detail }) => what !== 'index-missing' || !skipped.has(`${namespace} ${detail}`),
      )
      .map((difference) => ({ ...difference, heldBack: false }));
    if (structure.length === 0) return;
    throw new VerificationDiffers({ ...verification, structure, same: false }, this.#settings.load);
  }

  /** Capture goes on after the drain, so a write that nobody expected has a sequence by now. */
  async #assertNoWritesSince(drained: Milestone): Promise<void> {
    const { bucket, signal } = this.#deps;
    const stream = await readManifest(bucket, this.#stream, { signal });
    const later = stream.lastSequence - (drained.sequence ?? 0);
    if (later <= 0) return;
    throw new WaybillError(
      'CUTOVER_NOT_READY',
      `${later} changes reached the source after its writes had stopped`,
      {
        hint: 'Find out who still writes to the source, stop it, and run the cutover again. Nothing is lost: the changes are captured.',
        context: { stream: this.#settings.stream, changes: later },
      },
    );
  }

  async #note(
    prefix: string,
    name: Milestone['name'],
    clusterTime: string,
    sequence: number | null,
    evidence: Milestone['evidence'] = {},
  ): Promise<void> {
    const { bucket, signal, logger } = this.#deps;
    const milestone: Milestone = { name, at: new Date().toISOString(), clusterTime, sequence, evidence };
    await appendNote(bucket, prefix, [milestone], { writer: writerName(), signal });
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

function sums({ collections }: VerifyReport): { documents: number; bytes: number } {
  let [documents, bytes] = [0, 0];
  for (const collection of collections) {
    documents += collection.sourceDocuments;
    bytes += collection.bytes;
  }
  return { documents, bytes };
}
