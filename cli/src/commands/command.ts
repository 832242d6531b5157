/** What a command is to main.ts, and what it gets. */

import type { Logger } from '@waybill/shared/base/logger';
import type { Options } from '../options/options.ts';
import type { CommandName } from '../options/spec/commands.ts';
import type { Paint } from '../output/style.ts';
import type { Terminal } from '../output/terminal.ts';

export interface CommandContext {
  readonly options: Options;
  readonly logger: Logger;
  /** Aborts with INTERRUPTED on the first SIGINT or SIGTERM. */
  readonly signal: AbortSignal;
  readonly output: Output;
}

export interface Output {
  /** Results go to stdout and nothing else does. */
  print(text: string): void;
  /** `line` where more than one is printed. */
  printJson(value: unknown, form?: 'pretty' | 'line'): void;
  /** Colours for stdout. */
  readonly paint: Paint;
  readonly isTerminal: boolean;
  /** stderr: log and progress. */
  readonly terminal: Terminal;
}

export interface Command {
  readonly name: CommandName;
  readonly describe: string;
  /** Pairs of a command line and what it does. */
  readonly examples: readonly (readonly [string, string])[];
  /** SIGINT and SIGTERM are a normal way to end: exit 0 and not 130. */
  readonly stopsCleanly: boolean;
  /** Returns the exit code where there is no error, or throws. */
  run(context: CommandContext): Promise<number>;
}
