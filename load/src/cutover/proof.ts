/**
 * What a cutover proves before it is recorded: both sides are the same, and nobody wrote after
 * writes had stopped.
 */
import { type ErrorContext, WaybillError } from '@waybill/shared/base/errors';
import { allOpen, openByRule } from '@waybill/shared/manifest/dead-letters';
import { milestoneOf, type StreamState } from '@waybill/shared/manifest/state';
import { listCatalog } from '@waybill/shared/mongo/facts/catalog';
import { indexFields, optionFields } from '@waybill/shared/mongo/facts/definition-fields';
import { KnownLetters } from '../letters/known-letters.ts';
import { acceptable, acceptName, acceptOption, describeAcceptable, listed } from '../verify/acceptance.ts';
import { verifyStructure } from '../verify/catalogs.ts';
import type { LoadWatch } from '../verify/load-watch.ts';
import { mayBeEmpty, nothingCompared } from '../verify/nothing-compared.ts';
import {
  isDifference,
  isEmpty,
  isSameButLetters,
  type StructureDifference,
  type VerifyReport,
} from '../verify/report.ts';
import type { HeldBackField } from '../verify/structure.ts';
import { runVerify } from '../verify/verify.ts';
import type { RestoreReport } from './collection-restore.ts';
import type { Compared, CutoverContext } from './context.ts';
import { countLateChanges } from './late-changes.ts';

const NOTHING: ReadonlySet<HeldBackField> = new Set();
const EXPIRY: ReadonlySet<HeldBackField> = new Set(['expireAfterSeconds']);

/** Has the report, which the command prints. */
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

/**
 * Returns how many dead letters are open.
 * @throws CUTOVER_NOT_READY where there are some, unless they are accepted
 */
export function assertLettersAccepted({ settings }: CutoverContext, log: StreamState): number {
  const open = allOpen(log.deadLetters);
  if (open === 0 || settings.acceptDeadLetters) return open;
  const rules = [...openByRule(log.deadLetters)].map(([rule, count]) => `${count} by ${rule}`).join(', ');
  throw new WaybillError(
    'CUTOVER_NOT_READY',
    `load ${settings.load} has ${open} open dead letters (${rules}): the target lacks the state of these documents`,
    {
      hint: 'waybill dead-letters list shows why. Remove the reason on the target and use waybill dead-letters retry; or go without these documents: run the cutover again with --accept-dead-letters.',
      context: { load: settings.load, open },
    },
  );
}

/** @throws VerificationDiffers, VERIFY_NOTHING_COMPARED */
export async function proveSame(
  context: CutoverContext,
  { filter, mapping }: Compared,
  load: LoadWatch,
): Promise<VerifyReport> {
  const { bucket, loadPrefix, source, target, stats, signal, settings, onStep } = context;
  const { acceptance } = settings;
  const letters = new KnownLetters({ bucket, loadPrefix, signal });
  onStep('verifying');
  const report = await runVerify(settings.verify, {
    source,
    target,
    filter,
    mapping,
    load,
    acceptance,
    letters,
    stats,
    signal,
  });
  if (report.same || (settings.acceptDeadLetters && isSameButLetters(report) && !isEmpty(report)))
    return report;
  if (isEmpty(report) && report.structure.every((each) => !isDifference(each))) {
    if (settings.allowEmpty || (await mayBeEmpty(context.bucket, settings, signal))) return report;
    throw nothingCompared(report, settings);
  }
  throw new VerificationDiffers(report, settings.load);
}

/**
 * Compares structure again; the indexes that `restored` names must not be held back any more.
 * @throws VerificationDiffers
 */
export async function proveStructure(
  context: CutoverContext,
  { filter, mapping }: Compared,
  load: LoadWatch,
  verified: VerifyReport,
  restored: 'but-expiry' | 'restored',
): Promise<VerifyReport> {
  const held = restored === 'restored' ? NOTHING : EXPIRY;
  const { acceptance } = context.settings;
  // The order of documents was compared with the documents.
  const order = verified.structure.filter(({ what }) => what === 'order-untold');
  const deps = { ...context, filter, mapping, load, acceptance, held };
  const structure = [...(await verifyStructure(deps)), ...order];
  // Of the documents was decided before.
  if (!structure.some(isDifference)) return { ...verified, structure };
  throw new VerificationDiffers({ ...verified, structure, same: false }, context.settings.load);
}

/**
 * Capture goes on after a drain, so the stream has an unexpected write by the next drain.
 * @throws CUTOVER_NOT_READY
 */
export async function proveNobodyWrote(
  context: CutoverContext,
  { filter, takes }: Compared,
  before: StreamState,
  now: StreamState,
): Promise<void> {
  const { bucket, source, streamPrefix, signal } = context;
  /** Collections whose documents the source deletes by itself. */
  const expiring = new Set<string>();
  for (const { namespace, options, indexes, expires } of await listCatalog(source, filter, signal)) {
    const fields = [optionFields(options), ...indexes.map((index) => indexFields(index, expires))];
    if (fields.some((each) => each.has('expireAfterSeconds'))) expiring.add(namespace);
  }
  const late = await countLateChanges(bucket, streamPrefix, {
    after: before,
    until: now.seq,
    takes,
    expires: (namespace) => expiring.has(namespace),
    signal,
  });
  if (late > 0) throw writtenTo(context, { changes: late });
}

/**
 * The load records in its log that it holds an index back again, before it does so. So either the
 * cutover took the log first, or this check finds the entry. `before` is from before the drain that
 * precedes restoring: by the end of that drain the load had done what it had begun. @throws
 * CUTOVER_NOT_READY
 */
export function assertNothingHeldBack(context: CutoverContext, before: StreamState, now: StreamState): void {
  const at = (log: StreamState): string | undefined => milestoneOf(log, 'indexes-built')?.at;
  if (at(now) !== at(before)) throw writtenTo(context, {});
}

/** @throws CUTOVER_NOT_READY where an index is refused and not accepted */
export function assertNoneRefused(
  { settings }: Pick<CutoverContext, 'settings'>,
  reports: readonly RestoreReport[],
  { structure }: Pick<VerifyReport, 'structure'>,
): void {
  noteRefused(settings, reports);
  const refused = reports.filter(
    ({ outcome, namespace, index }) =>
      outcome === 'refused' && !settings.acceptance.takes(namespace, index, structure),
  );
  const [first] = refused;
  if (!first) return;
  const which = `${first.index} of ${first.namespace}: ${first.note ?? 'refused'}`;
  const message =
    refused.length === 1
      ? `an index cannot be made as on the source, ${which}`
      : `${refused.length} indexes cannot be made as on the source, first ${which}`;
  const name = `blocked:${first.namespace}.${first.index}`;
  throw new WaybillError('CUTOVER_NOT_READY', message, {
    hint: `Correct the documents on the target (the message says what is in the way), or do without the index there (--accept ${name}). Then run the cutover again.`,
    context: { namespace: first.namespace, index: first.index },
  });
}

function noteRefused({ acceptance }: CutoverContext['settings'], reports: readonly RestoreReport[]): void {
  for (const { outcome, namespace, index, note } of reports) {
    if (outcome === 'refused') acceptance.noteRefused(namespace, index, note ?? 'refused');
  }
}

/**
 * Reports structure that the target lacks, or has of its own, before the long comparison of
 * documents. Everything is drained, so it will not change any more. @throws CUTOVER_NOT_READY,
 * CONFIG_INVALID
 */
export async function proveAcceptable(
  context: CutoverContext,
  { filter, mapping }: Compared,
  load: LoadWatch,
  built: readonly RestoreReport[],
): Promise<StructureDifference[]> {
  const { settings, onStep, onUnaccepted } = context;
  const { acceptance } = settings;
  noteRefused(settings, built);
  onStep('checking structure');
  const found = await verifyStructure({ ...context, filter, mapping, load, acceptance });
  acceptance.assertKnown(found);
  const open = acceptable(found);
  if (open.length > 0 && (await onUnaccepted?.(open))) acceptance.add(open.map(acceptName));
  else if (open.length > 0) throw notAccepted(open, settings.load);
  return acceptance.mark(found);
}

function notAccepted(open: readonly StructureDifference[], load: string): WaybillError {
  return new WaybillError(
    'CUTOVER_NOT_READY',
    `the target lacks structure that it refuses, or has some of its own: ${listed(open.map(describeAcceptable))}`,
    {
      hint: `Correct it, or take it as it is: run the cutover again with --accept ${acceptOption(open)}`,
      context: { load, differences: open.length },
    },
  );
}

function writtenTo({ settings }: CutoverContext, context: ErrorContext): WaybillError {
  return new WaybillError('CUTOVER_NOT_READY', 'the source was written to after its writes had stopped', {
    hint: 'Find out who still writes to the source, stop it, and run the cutover again. Nothing is lost: the changes are captured.',
    context: { stream: settings.stream, ...context },
  });
}
