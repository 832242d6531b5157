/** A command, and what it is given to run with. */

import type { Logger } from '@waybill/shared/base/logger';
import type { Options } from '../options/options.ts';
import type { CommandName } from '../options/spec/commands.ts';
import type { Paint } from '../output/style.ts';
import type { Terminal } from '../output/terminal.ts';

export interface CommandContext {
  /** Of a command that has one. */
  readonly argument?: string | undefined;
  readonly options: Options;
  readonly logger: Logger;
  /** Aborts with INTERRUPTED on the first SIGINT or SIGTERM. */
  readonly signal: AbortSignal;
  readonly output: Output;
}

export interface Output {
  /** stdout holds results and nothing else. */
  print(text: string): void;
  /** Use `line` if more than one value is printed. */
  printJson(value: unknown, form?: 'pretty' | 'line'): void;
  /** Colours for stdout. */
  readonly paint: Paint;
  readonly isTerminal: boolean;
  /** stderr: log and progress. */
  readonly terminal: Terminal;
}

/** A word behind the command's name. */
export interface Argument {
  readonly name: string;
  readonly choices: readonly string[];
  /** Where it is left out. */
  readonly default: string;
  readonly describe: string;
}

export interface Command {
  readonly name: CommandName;
  readonly describe: string;
  readonly argument?: Argument;
  /** Each is a command line and what it does. */
  readonly examples: readonly (readonly [string, string])[];
  /** A stop by SIGINT or SIGTERM is success: the exit code is 0, not 130. */
  readonly stopsCleanly: boolean;
  /** Returns the exit code, or throws. */
  run(context: CommandContext): Promise<number>;
}
