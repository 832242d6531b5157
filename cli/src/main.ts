/** The `waybill` command: wiring only. */

import { hasCode } from '@waybill/shared/base/errors';
import { stopSignal } from '@waybill/shared/base/lifecycle';
import { createLogger } from '@waybill/shared/base/logger';
import { printableLines } from '@waybill/shared/base/printable';
import packageJson from '../package.json' with { type: 'json' };
import { type Invocation, readCommandLine } from './command-line.ts';
import type { Output } from './commands/command.ts';
import { COMMANDS } from './commands/commands.ts';
import type { CommandName } from './options/option.ts';
import { resolveOptions, wantsJson } from './options/resolve.ts';
import { beginning } from './output/beginning.ts';
import { reportError } from './output/report-error.ts';
import { jsonValue, stamped } from './output/stamped.ts';
import { paintFor } from './output/style.ts';
import { Terminal } from './output/terminal.ts';
import { boundYoungGeneration } from './young-generation.ts';

/** Should a connection or timer be left over, the process still ends. */
const LINGER_MS = 2000;
const SAME_WISH_MS = 500;
const LOOKS: ReadonlySet<CommandName> = new Set(['list', 'status', 'fsck', 'gc', 'demo']);

export interface MainOptions {
  /** Started by the launcher, which forwards signals that the terminal sent to both. */
  readonly signalsComeTwice?: boolean;
}

export async function main(argv: readonly string[], options: MainOptions = {}): Promise<void> {
  boundYoungGeneration();
  quietLibraries();
  // `waybill status | head` is no failure.
  process.stdout.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code === 'EPIPE') process.exit(process.exitCode ?? 0);
    throw error;
  });
  const environment = process.env;
  let flags: Invocation['flags'] = argv.includes('--json') ? { json: true } : {};
  try {
    const invocation = await readCommandLine(argv, COMMANDS, packageJson.version);
    if (invocation) {
      flags = invocation.flags;
      process.exitCode = await execute(invocation, options);
    }
  } catch (error) {
    process.exitCode = reportError(error, {
      json: wantsJson({ flags, environment }),
      paint: paintFor(process.stderr),
      debug: Boolean(process.env.WAYBILL_DEBUG),
      write: (text) => process.stderr.write(text),
    });
  }
  setTimeout(() => process.exit(), LINGER_MS).unref();
}

/**
 * Warnings that libraries give Node, a look-up of credentials that found no metadata server say,
 * are not for the user: what comes of it is an error of ours. Those who look for a defect see them.
 */
function quietLibraries(): void {
  if (process.env.WAYBILL_DEBUG) return;
  process.removeAllListeners('warning');
  process.on('warning', () => undefined);
}

async function execute({ command, flags }: Invocation, main: MainOptions): Promise<number> {
  const options = resolveOptions({ command: command.name, flags, environment: process.env });
  const format = options['log-format'];
  const terminal = new Terminal(process.stderr, process.stderr.isTTY === true && format === 'text');
  const logger = createLogger({
    level: options['log-level'],
    format,
    ...(terminal.canRedraw ? { destination: terminal } : {}),
  });
  using stop = stopSignal({
    sameWishMs: main.signalsComeTwice ? SAME_WISH_MS : 0,
    onStop: (name) => logger.info('stopping; a second signal exits at once', { signal: name }),
  });
  const begins = beginning(command, options, packageJson.version);
  // Nobody who takes a look wants to be told.
  if (LOOKS.has(command.name)) logger.debug('waybill starts', begins);
  else logger.info('waybill starts', begins);
  try {
    return await command.run({ options, logger, signal: stop.signal, output: standardOutput(terminal) });
  } catch (error) {
    if (!(command.stopsCleanly && stop.signal.aborted && hasCode(error, 'INTERRUPTED'))) throw error;
    logger.info('stopped', { command: command.name });
    return 0;
  } finally {
    // All but said and done: a stop that comes now asks for what happens anyway, and must not end
    // as a death by a signal. Before the other listeners go, for with the last one the system kills
    // again.
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
