import type { CutoverResult } from '@waybill/load/cutover/cutover';
import { runCutover } from '@waybill/load/cutover/cutover';
import { VerificationDiffers } from '@waybill/load/cutover/proof';
import { Acceptance } from '@waybill/load/verify/acceptance';
import type { StructureDifference, VerifyReport } from '@waybill/load/verify/report';
import { newVerifyStats } from '@waybill/load/verify/settings';
import { WaybillError } from '@waybill/shared/base/errors';
import { printable, printableData } from '@waybill/shared/base/printable';
import { showComparing } from '../output/comparing.ts';
import { ReportFile } from '../output/report-file.ts';
import { renderVerification, structureLine } from '../output/verification.ts';
import type { CommandContext } from './command.ts';
import { confirm } from './confirm.ts';
import { Services } from './services.ts';

export async function runCutoverCommand(context: CommandContext): Promise<number> {
  const { options, signal, logger, output } = context;
  const acceptance = Acceptance.of(options.accept);
  await using file = await ReportFile.open(options.report);
  await using services = new Services(context);
  const bucket = await services.writableBucket();
  const source = await services.source();
  const target = await services.target();
  await confirmWritesStopped(context, source.url);
  const stats = newVerifyStats();
  const { stream, load, wait, allowEmpty, acceptDeadLetters } = options;
  const settings = {
    stream,
    load,
    progressDatabase: options.progressDatabase ?? null,
    wait,
    verify: {},
    acceptance,
    allowEmpty,
    acceptDeadLetters,
  };
  let progress = showComparing(stats, logger, output.terminal);
  const onUnaccepted = async (found: readonly StructureDifference[]): Promise<boolean> => {
    progress[Symbol.dispose]();
    for (const each of found) output.terminal.write(`${printable(structureLine(each))}\n`);
    const answer = await isYes(context, 'Accept these differences and leave the target as it is? (yes/no) ');
    progress = showComparing(stats, logger, output.terminal);
    return answer;
  };
  try {
    const onStep = (step: string): void => logger.info('cutover', { step });
    const deps = { bucket, source, target, logger, stats, signal, onStep };
    const result = await runCutover(settings, canAsk(context) ? { ...deps, onUnaccepted } : deps);
    progress[Symbol.dispose]();
    tell(context, result.verification, result);
    if (result.verification) await file?.write(result.verification, logger);
    else if (file) logger.warn('nothing was compared, so --report is not written', keptReport(result));
    return 0;
  } catch (error) {
    if (!(error instanceof VerificationDiffers)) throw error;
    progress[Symbol.dispose]();
    tell(context, error.report, null);
    await file?.write(error.report, logger);
    // Thrown on, so that its code and hint are shown too.
    throw error;
  } finally {
    progress[Symbol.dispose]();
  }
}

/** Where the bucket keeps the report of an earlier cutover. */
function keptReport({ milestones }: CutoverResult): { readonly keptInBucket?: unknown } {
  const report = milestones.findLast(({ name }) => name === 'verified')?.evidence?.report;
  return report === undefined ? {} : { keptInBucket: report };
}

/**
 * Waybill cannot see that the application has stopped. It asks, and afterwards checks the answer
 * against the change stream.
 */
async function confirmWritesStopped(context: CommandContext, source: string): Promise<void> {
  if (context.options.yes) return;
  const hint = 'Stop the application first, then give --yes.';
  if (!canAsk(context)) {
    throw new WaybillError(
      'CONFIG_INVALID',
      'the cutover needs to know that writes to the source have stopped',
      { hint },
    );
  }
  if (await isYes(context, `Has every application stopped writing to ${source}? (yes/no) `)) return;
  throw new WaybillError('CUTOVER_NOT_READY', 'nobody has confirmed that writes to the source have stopped', {
    hint,
  });
}

/** A person is at the terminal and has not given --yes. */
function canAsk({ options, output }: CommandContext): boolean {
  return !options.yes && process.stdin.isTTY && output.isTerminal;
}

function isYes({ signal }: CommandContext, question: string): Promise<boolean> {
  return confirm(question, { signal, input: process.stdin, output: process.stderr });
}

function tell(
  { options, output }: CommandContext,
  verification: VerifyReport | null,
  result: CutoverResult | null,
): void {
  if (options.json) {
    output.printJson({ cutover: result !== null, ...result, verification });
    return;
  }
  if (verification) output.print(renderVerification(printableData(verification), output.paint));
  if (!result) return;
  for (const { namespace, index, outcome, note } of result.restored) {
    output.print(printable(`index ${namespace} ${index}: ${outcome}${note ? `, ${note}` : ''}`));
  }
  const letters = verification?.collections.reduce((sum, each) => sum + each.letters, 0) ?? 0;
  const but = letters > 0 ? `, but for ${letters} documents whose dead letters were accepted` : '';
  const done = result.alreadyDone ? 'The cutover had been done before' : 'Cut over';
  output.print(
    output.paint(
      'green',
      `${done}: writes stopped at ${result.writesStopped}, and everything up to then is on the target${but}.`,
    ),
  );
}
