/** From the words of a command line to an exit code: wiring only. */

import { hasCode } from '@waybill/shared/base/errors';
import { stopSignal } from '@waybill/shared/base/lifecycle';
import { createLogger } from '@waybill/shared/base/logger';
import { printableLines } from '@waybill/shared/base/printable';
import { type Invocation, readCommandLine } from './command-line.ts';
import type { Output } from './commands/command.ts';
import { COMMANDS } from './commands/commands.ts';
import { resolveOptions, wantsJson } from './options/resolve.ts';
import type { CommandName } from './options/spec/commands.ts';
import { beginning } from './output/beginning.ts';
import { reportError } from './output/report-error.ts';
import { jsonValue, stamped } from './output/stamped.ts';
import { paintFor } from './output/style.ts';
import { Terminal } from './output/terminal.ts';

const SAME_WISH_MS = 500;
const LOOKS: ReadonlySet<CommandName> = new Set([
  'assess',
  'list',
  'status',
  'control',
  'dead-letters',
  'fsck',
  'gc',
  'demo',
]);

export interface MainOptions {
  /** Started by the launcher, which forwards signals that the terminal sent to both. */
  readonly signalsComeTwice?: boolean;
}

export async function runCommandLine(
  argv: readonly string[],
  version: string,
  options: MainOptions,
): Promise<number> {
  try {
    const invocation = readCommandLine(argv, COMMANDS, version);
    return invocation ? await execute(invocation, version, options) : 0;
  } catch (error) {
    return reportError(error, {
      json: wantsJson(argv),
      paint: paintFor(process.stderr),
      debug: Boolean(process.env.WAYBILL_DEBUG),
      write: (text) => process.stderr.write(text),
    });
  }
}

async function execute(
  { command, argument, flags }: Invocation,
  version: string,
  { signalsComeTwice = false }: MainOptions,
): Promise<number> {
  const options = resolveOptions({ command: command.name, flags });
  const format = options.logFormat;
  const terminal = new Terminal(process.stderr, process.stderr.isTTY === true && format === 'text');
  const logger = createLogger({
    level: options.logLevel,
    format,
    ...(terminal.canRedraw ? { destination: terminal } : {}),
  });
  using stop = stopSignal({
    sameWishMs: signalsComeTwice ? SAME_WISH_MS : 0,
    onStop: (name) => logger.info('stopping; a second signal exits at once', { signal: name }),
  });
  const begins = beginning(command.name, options, version);
  // These only look at a stream: their output is what the user wants to read.
  if (LOOKS.has(command.name)) logger.debug('waybill starts', begins);
  else logger.info('waybill starts', begins);
  try {
    return await command.run({
      argument,
      options,
      logger,
      signal: stop.signal,
      output: standardOutput(terminal),
    });
  } catch (error) {
    if (!(command.stopsCleanly && stop.signal.aborted && hasCode(error, 'INTERRUPTED'))) throw error;
    logger.info('stopped', { command: command.name });
    return 0;
  } finally {
    // The work is done. A signal that comes now must not turn this into a death by a signal. Added
    // before the other listeners go: without any listener the system would kill the process.
    for (const name of ['SIGINT', 'SIGTERM']) process.on(name, () => process.exit());
  }
}

function standardOutput(terminal: Terminal): Output {
  return {
    print: (text) => void process.stdout.write(`${text}\n`),
    printJson: (value, form) => {
      const text = JSON.stringify(stamped(value), jsonValue, form === 'line' ? 0 : 2);
      process.stdout.write(`${printableLines(text)}\n`);
    },
    paint: paintFor(process.stdout),
    isTerminal: process.stdout.isTTY === true,
    terminal,
  };
}
