import { askLoad } from '@waybill/load/letter-requests/ask-load';
import { fits, type LetterAnswer, type LetterChoice } from '@waybill/load/letter-requests/requests';
import { fileOf, type LettersSource, letterLines, readRecords } from '@waybill/load/letters/read-letters';
import { summarizeLetters } from '@waybill/load/letters/summary';
import { serveLetters } from '@waybill/load/load';
import { EXIT_CODES } from '@waybill/shared/base/error-codes';
import { WaybillError } from '@waybill/shared/base/errors';
import { printableData, printableLines } from '@waybill/shared/base/printable';
import { createLoadStats } from '@waybill/shared/base/stats';
import type { Bucket } from '@waybill/shared/bucket/bucket';
import { loadPrefix } from '@waybill/shared/manifest/keys';
import { readManifest } from '@waybill/shared/manifest/log';
import { loadMissing } from '@waybill/shared/manifest/names';
import type { StreamState } from '@waybill/shared/manifest/state';
import { renderAnswer, renderLetter, renderLetters, shownLetter } from '../output/dead-letters.ts';
import { counted } from '../output/units.ts';
import type { CommandContext } from './command.ts';
import { confirm } from './confirm.ts';
import { Services } from './services.ts';
import { loadSettings } from './settings.ts';

export async function runDeadLettersCommand(context: CommandContext): Promise<number> {
  const { argument } = context;
  const choice = choiceOf(context);
  await using services = new Services(context);
  if (argument === 'show') return await show(context, await services.bucket(), choice);
  if (argument === 'retry' || argument === 'discard') return await ask(context, services, argument, choice);
  return await list(context, await services.bucket(), choice);
}

function choiceOf({ options: { ns, rule, letter } }: CommandContext): LetterChoice {
  const numbers = letter.map((text) => {
    const number = Number(text);
    if (Number.isSafeInteger(number) && number > 0) return number;
    throw new WaybillError(
      'CONFIG_INVALID',
      `--letter: ${JSON.stringify(text)} is not the number of a letter`,
      { hint: 'For example: --letter 17,18', context: { option: 'letter' } },
    );
  });
  return { namespaces: ns, rules: rule, numbers };
}

interface Log {
  readonly source: LettersSource;
  readonly log: StreamState;
}

async function readLog({ options, signal }: CommandContext, bucket: Bucket): Promise<Log> {
  const source = { bucket, loadPrefix: loadPrefix(options.stream, options.load), signal };
  const log = await readManifest(bucket, source.loadPrefix, { signal });
  if (log.seq === 0) throw await loadMissing(bucket, options, signal);
  return { source, log };
}

async function list(context: CommandContext, bucket: Bucket, choice: LetterChoice): Promise<number> {
  const { options, output } = context;
  const { source, log } = await readLog(context, bucket);
  const summary = await summarizeLetters(source, log, fits(choice));
  if (options.json) output.printJson({ stream: options.stream, load: options.load, ...summary });
  else {
    const isPart = [choice.namespaces, choice.rules, choice.numbers].some((some) => some.length > 0);
    output.print(renderLetters(printableData(summary), output.paint, isPart));
  }
  return 0;
}

async function show(context: CommandContext, bucket: Bucket, { numbers }: LetterChoice): Promise<number> {
  const { options, output } = context;
  const [number] = numbers;
  if (number === undefined || numbers.length > 1) {
    throw new WaybillError('CONFIG_INVALID', 'waybill dead-letters show prints one letter', {
      hint: 'Give its number: --letter 17. waybill dead-letters list shows the oldest of each kind.',
    });
  }
  const { source, log } = await readLog(context, bucket);
  const file = fileOf(log, number);
  const record = file && (await readRecords(source, file)).get(number);
  if (!record) throw missing(number, options.load);
  let shown: ReturnType<typeof shownLetter> | undefined;
  for await (const line of letterLines(source, log)) {
    if ('letter' in line && line.letter.number === number) shown = shownLetter(line.letter, record);
    else shown = shown?.after(line);
  }
  if (!shown) throw missing(number, options.load);
  if (options.json) output.printJson(shown.data);
  else output.print(printableLines(renderLetter(shown.data, output.paint)));
  return 0;
}

function missing(number: number, load: string): WaybillError {
  return new WaybillError('DEAD_LETTER_MISSING', `load ${load} has no dead letter ${number}`, {
    hint: 'waybill dead-letters list shows those that are open.',
    context: { load, letter: number },
  });
}

async function ask(
  context: CommandContext,
  services: Services,
  action: 'discard' | 'retry',
  choice: LetterChoice,
): Promise<number> {
  const { options, output, logger, signal } = context;
  const bucket = await services.writableBucket();
  const target = await services.target();
  const { source, log } = await readLog(context, bucket);
  const { letters } = await summarizeLetters(source, log, fits(choice));
  const unknown = choice.numbers.find((number) => !fileOf(log, number));
  if (unknown !== undefined) throw missing(unknown, options.load);
  if (letters.length === 0) {
    if (options.json) output.printJson({ action, asked: 0 });
    else output.print('Nothing to do: no open letter fits.');
    return 0;
  }
  if (action === 'discard') await confirmDiscard(context, letters.length);
  const { stream, load, progressDatabase = null, reason = null } = options;
  const settings = loadSettings(options, { until: null });
  const { metrics } = services;
  const serve = (): Promise<unknown> =>
    serveLetters(settings, { bucket, target, logger, metrics, stats: createLoadStats(), signal });
  const asked = { stream, load, progressDatabase, action, choice, reason };
  const answer = await askLoad(asked, { bucket, target, logger, signal, serve });
  if (options.json) output.printJson({ action, asked: letters.length, ...answer });
  else output.print(renderAnswer(action, printableData(answer)));
  return exitCodeOf(answer);
}

/** Letters that are still open count as a difference. */
function exitCodeOf({ refused, left }: LetterAnswer): number {
  return refused + left > 0 ? EXIT_CODES.difference : 0;
}

async function confirmDiscard({ options, output, signal }: CommandContext, count: number): Promise<void> {
  if (options.yes) return;
  if (!process.stdin.isTTY || !output.isTerminal) {
    throw new WaybillError('CONFIG_INVALID', `discard would give up ${counted(count, 'record')} for good`, {
      hint: 'Look at them with waybill dead-letters show, then give --yes.',
    });
  }
  const question = `Give up ${counted(count, 'record')}? The target stays without them. (yes/no) `;
  if (await confirm(question, { signal, input: process.stdin, output: process.stderr })) return;
  throw new WaybillError('INTERRUPTED', 'nothing was discarded');
}
