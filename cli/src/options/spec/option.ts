/** How one option is declared. */
import type { Secret } from '@waybill/shared/base/secret';
import type { CommandName } from './commands.ts';

export type OptionType =
  | 'string'
  | 'integer'
  /** An integer, or `unlimited` for Infinity. */
  | 'limit'
  /** Bytes. */
  | 'size'
  /** Milliseconds. */
  | 'duration'
  /** Documents and bytes a second. Stays a text. */
  | 'rate'
  | 'boolean'
  | 'list'
  | 'enum'
  /** A connection string, or `env:NAME` or `file:/path` that holds one. Never shown. */
  | 'connection';

export interface InCommand {
  readonly describe: string;
  readonly choices?: readonly string[];
}

export interface OptionSpec {
  readonly type: OptionType;
  readonly group: string;
  readonly commands: readonly CommandName[];
  /** Commands that do not start without it. */
  readonly requiredBy?: readonly CommandName[];
  /** Whole sentences, for help and manual. */
  readonly describe: string;
  /** A constant of the settings that have it; none if it depends on the machine. */
  readonly default?: string | number;
  readonly choices?: readonly string[];
  /**
   * Commands that take it from the command line alone: a configuration file gives it to another
   * command.
   */
  readonly typedFor?: readonly CommandName[];
  /** What the help of one command says instead, if the option means less or another thing there. */
  readonly inCommand?: Readonly<Partial<Record<CommandName, InCommand>>>;
  /** integer, limit, size, duration: the least and greatest value allowed. */
  readonly min?: number;
  readonly max?: number;
  readonly example?: string;
  readonly alias?: string;
}

export type OptionValue = string | number | boolean | readonly string[] | Secret;
