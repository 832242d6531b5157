/**
 * The command line: which command, and its flags as they were typed. yargs reads the words, refuses
 * names that the command does not have, and prints help and completion. Values are looked into
 * later (options/resolve.ts), together with those of the environment and the configuration file.
 */

import { WaybillError } from '@waybill/shared/base/errors';
import yargs, { type Argv } from 'yargs';
import type { Command } from './commands/command.ts';
import { closingText, describeCommand, describeFrontDoor } from './help.ts';
import { ALIASES, AS_TYPED } from './options/elsewhere.ts';
import { isOptionName, OPTION_SPECS } from './options/options.ts';
import { invalidValue, unknownName } from './options/refusals.ts';
import { COMPLETION } from './options/spec/commands.ts';
import { parseBoolean, ValueError } from './options/spec/value.ts';

export interface Invocation {
  readonly command: Command;
  readonly argument: string | undefined;
  /** By option name. */
  readonly flags: Readonly<Record<string, unknown>>;
}

/** What the script of `waybill completion` calls, with the words that were typed so far. */
const COMPLETE = '--get-yargs-completions';

/**
 * What to run, or null if help, the version or a completion was asked for and printed. Errors:
 * CONFIG_INVALID, CONFIG_UNKNOWN_KEY.
 */
export function readCommandLine(
  argv: readonly string[],
  commands: readonly Command[],
  version: string,
): Invocation | null {
  let invocation: Invocation | null = null;
  const run = (command: Command, { _, $0, '--': __, ...flags }: Record<string, unknown>): void => {
    const { argument } = command;
    if (!argument) {
      invocation = { command, argument: undefined, flags };
      return;
    }
    const { [argument.name]: typed = argument.default, ...others } = flags;
    invocation = { command, argument: knownArgument(String(typed), command), flags: others };
  };
  const isCompleting = argv[0] === COMPLETE;
  const words = isCompleting ? [...argv] : inOneForm(argv);
  // Folded options are left out of the help, but not out of what the shell completes.
  const unfolded = isCompleting || words.includes('all');
  const door = describeFrontDoor(yargs(words), version, process.stdout.columns)
    .parserConfiguration(AS_TYPED)
    // Known before the command is, so that `--json status` does not take the command for a value.
    .options(
      Object.fromEntries(SWITCHES.map((name) => [name, { type: 'boolean', hidden: true, global: false }])),
    )
    .strict()
    .demandCommand(1);
  for (const command of commands) {
    door.command(
      command.argument ? `${command.name} [${command.argument.name}]` : command.name,
      command.describe,
      (page) => describeCommand(page, command, unfolded).demandCommand(0, 0),
      (typed) => run(command, typed),
    );
  }
  // The shell would be offered `--c`.
  if (!isCompleting) door.alias(ALIASES);
  door.completion(COMPLETION, 'Print a script that completes commands and options in bash or zsh.');
  door.fail((message) => refuse(message, wordsOf(door), commands));
  // Prints, and ends the process.
  if (isCompleting) door.parseSync();
  door.parse(words, {}, (_error, { _: [first], version: isVersion }, output) => {
    if (output === '') return;
    const command = knownCommand(first, commands);
    const isHelp = !isVersion && first !== COMPLETION;
    process.stdout.write(`${output}\n${isHelp ? closingText(command, unfolded) : ''}`);
  });
  return invocation;
}

const SWITCHES = [...OPTION_SPECS].filter(([, { type }]) => type === 'boolean').map(([name]) => name);

/**
 * `help gc` as `gc --help`, and `--json=no` as `--no-json`: yargs takes every value of a switch but
 * `true` for false.
 */
function inOneForm(argv: readonly string[]): string[] {
  const [first, ...rest] = argv;
  if (first === 'help' && rest.length > 0) return [...rest, '--help'];
  return argv.map((word) => {
    const [, name = '', value] = /^--([a-z-]+)=(.*)$/s.exec(word) ?? [];
    const spec = isOptionName(name) ? OPTION_SPECS.get(name) : undefined;
    if (!isOptionName(name) || spec?.type !== 'boolean') return word;
    try {
      return parseBoolean(value) ? `--${name}` : `--no-${name}`;
    } catch (error) {
      if (!(error instanceof ValueError)) throw error;
      throw invalidValue(name, spec, `--${name}`, `${JSON.stringify(value)} is not ${error.expected}`);
    }
  });
}

function knownArgument(word: string, { name, argument }: Command): string {
  const choices = argument?.choices ?? [];
  if (choices.includes(word)) return word;
  throw new WaybillError(
    'CONFIG_INVALID',
    `waybill ${name} has no ${argument?.name} ${JSON.stringify(word)}`,
    {
      hint: `Use one of: ${choices.join(', ')}.`,
    },
  );
}

interface Words {
  readonly positionals: readonly string[];
  readonly flags: readonly string[];
}

function wordsOf(door: Argv): Words {
  const {
    _: positionals = [],
    '--': rest = [],
    ...flags
  } = (door.parsed || { argv: {} }).argv as {
    _?: unknown[];
    '--'?: unknown[];
  };
  return { positionals: [...positionals, ...rest].map(String), flags: Object.keys(flags) };
}

function knownCommand(name: unknown, commands: readonly Command[]): Command | undefined {
  if (name === undefined || name === COMPLETION) return undefined;
  const command = commands.find((each) => each.name === name);
  if (command) return command;
  throw unknownName('command', String(name), [...commands.map((each) => each.name), COMPLETION]);
}

/**
 * What yargs refuses, in our words: it tells in prose only what it found. The choices of an option
 * are the table's to check, whichever source has the value.
 */
function refuse(message: string, { positionals, flags }: Words, commands: readonly Command[]): void {
  const [first, excess] = positionals;
  const command = knownCommand(first, commands);
  if (excess !== undefined) {
    throw new WaybillError('CONFIG_INVALID', `waybill ${first} takes no argument ${excess}`, {
      hint: 'Options begin with --. Separate the items of a list by commas, without spaces.',
    });
  }
  for (const name of flags) rejectUnknownFlag(name, command);
  if (!command) {
    throw new WaybillError('CONFIG_INVALID', 'no command is given', {
      hint: 'waybill --help lists them; waybill demo shows everything at work.',
    });
  }
  if (message.startsWith('Invalid values:')) return;
  throw new WaybillError('CONFIG_INVALID', message, { hint: `See waybill ${command.name} --help.` });
}

const OF_YARGS = ['help', 'h', 'version', '$0'];

function rejectUnknownFlag(flag: string, command: Command | undefined): void {
  const specs = [...OPTION_SPECS].filter(([, { commands }]) => !command || commands.includes(command.name));
  if (OF_YARGS.includes(flag) || specs.some(([name, { alias }]) => flag === name || flag === alias)) return;
  const others = isOptionName(flag) ? OPTION_SPECS.get(flag)?.commands : undefined;
  if (!others || !command) {
    const names = specs.map(([name]) => name);
    throw unknownName('option', flag, names, (name) => `--${name}`);
  }
  throw new WaybillError('CONFIG_UNKNOWN_KEY', `waybill ${command.name} has no option --${flag}`, {
    hint: `--${flag} belongs to: ${others.join(', ')}.`,
    context: { option: flag, command: command.name },
  });
}
