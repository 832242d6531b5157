import { createInterface } from 'node:readline/promises';
import type { CutoverResult } from '@waybill/load/cutover/cutover';
import { runCutover } from '@waybill/load/cutover/cutover';
import { VerificationDiffers } from '@waybill/load/cutover/proof';
import type { VerifyReport } from '@waybill/load/verify/report';
import { newVerifyStats } from '@waybill/load/verify/settings';
import { WaybillError } from '@waybill/shared/errors';
import { interrupted } from '@waybill/shared/lifecycle';
import { printable, printableData } from '@waybill/shared/printable';
import { showComparing } from '../output/comparing.ts';
import { renderVerification } from '../output/verification.ts';
import type { CommandContext } from './command.ts';
import { confirm } from './confirm.ts';
import { Services } from './services.ts';
import { writeReport } from './verify.ts';

export async function runCutoverCommand(context: CommandContext): Promise<number> {
  const { options, signal, logger, output } = context;
  await using services = new Services(context);
  const bucket = await services.writableBucket();
  const source = await services.connect('source');
  const target = await services.connect('target');
  await confirmWritesStopped(context, source.url);
  const stats = newVerifyStats();
  using progress = showComparing(stats, logger, output.terminal);
  const { stream, load, wait: stalledMs } = options;
  const settings = {
    stream,
    load,
    progressDatabase: options['progress-database'] ?? null,
    stalledMs,
    verify: {},
    allowEmpty: options['allow-empty'],
  };
  try {
    const onStep = (step: string): void => logger.info('cutover', { step });
    const result = await runCutover(settings, { bucket, source, target, logger, stats, signal, onStep });
    progress[Symbol.dispose]();
    await tell(context, result.verification, result);
    return 0;
  } catch (error) {
    if (!(error instanceof VerificationDiffers)) throw error;
    progress[Symbol.dispose]();
    await tell(context, error.report, null);
    // With its code and its hint.
    throw error;
  }
}

/** Waybill can not know that the application has stopped; it can only be told, and look afterwards whether it was so. */
async function confirmWritesStopped(
  { options, output, signal }: CommandContext,
  source: string,
): Promise<void> {
  if (options.yes) return;
  const hint = 'Stop the application first, then give --yes.';
  if (!process.stdin.isTTY || !output.isTerminal) {
    throw new WaybillError(
      'CONFIG_INVALID',
      'the cutover needs to know that writes to the source have stopped',
      { hint },
    );
  }
  const questions = createInterface({ input: process.stdin, output: process.stderr });
  try {
    const ask = (question: string): Promise<string> =>
      questions.question(question, { signal }).catch((error: unknown) => {
        // A Ctrl-C at a prompt is a key and no signal.
        throw interrupted('stopped before the cutover began', error);
      });
    if (await confirm(`Has every application stopped writing to ${source}? (yes/no) `, ask)) return;
  } finally {
    questions.close();
  }
  throw new WaybillError('CUTOVER_NOT_READY', 'nobody has confirmed that writes to the source have stopped', {
    hint,
  });
}

async function tell(
  { options, output }: CommandContext,
  verification: VerifyReport | null,
  result: CutoverResult | null,
): Promise<void> {
  if (options.report !== undefined && verification) await writeReport(options.report, verification);
  if (options.json) {
    output.printJson({ cutover: result !== null, ...result, verification });
    return;
  }
  if (verification) output.print(renderVerification(printableData(verification), output.paint));
  if (!result) return;
  for (const { namespace, index, outcome, note } of result.restored) {
    output.print(printable(`index ${namespace} ${index}: ${outcome}${note ? `, ${note}` : ''}`));
  }
  const done = result.alreadyDone ? 'The cutover had been done before' : 'Cut over';
  output.print(
    output.paint(
      'green',
      `${done}: writes stopped at ${result.writesStopped}, and everything up to then is on the target.`,
    ),
  );
}
