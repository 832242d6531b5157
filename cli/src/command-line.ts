/**
 * The command line as it was typed: a command, and flags that nobody has looked into. Parsing of
 * values, defaults and what is needed are the table's business, so that all sources agree.
 */

import { WaybillError } from '@waybill/shared/base/errors';
import { Command as Commander, Option } from 'commander';
import type { Command } from './commands/command.ts';
import { OPTION_SPECS } from './options/options.ts';
import { unknownName } from './options/resolve.ts';

export interface Invocation {
  readonly command: Command;
  /**
   * By option name. What no option is called is among them: the table refuses it, and knows what is
   * like it.
   */
  readonly flags: Readonly<Record<string, unknown>>;
}

/**
 * What to run, or null where help or the version was asked for and printed. Throws CONFIG_* for
 * what does not parse.
 */
export async function readCommandLine(
  argv: readonly string[],
  commands: readonly Command[],
  version: string,
): Promise<Invocation | null> {
  const reader = newReader();
  // Whatever stands behind an unknown option is unknown as well: the command may be.
  const words = switchesBeforeCommand(argv.map(longName), commands);
  const { operands, unknown } = reader.parseOptions(words);
  const named = [...operands, ...unknown].find((word) => commands.some(({ name }) => name === word));
  const command = commands.find(({ name }) => name === named);
  const [first = command?.name] = operands.filter((word) => word !== 'help');
  if (first !== undefined && command?.name !== first) {
    throw unknownName(
      'command',
      first,
      commands.map(({ name }) => name),
    );
  }
  if (reader.getOptionValue('help') || operands.includes('help')) {
    const { helpText } = await import('./help.ts');
    process.stdout.write(helpText(commands, command, process.stdout.columns));
    return null;
  }
  if (reader.getOptionValue('version')) {
    process.stdout.write(`${version}\n`);
    return null;
  }
  const [, excess] = operands;
  if (command === undefined) {
    throw new WaybillError('CONFIG_INVALID', 'no command is given', {
      hint: 'waybill --help lists them; waybill demo shows everything at work.',
    });
  }
  if (excess !== undefined) {
    throw new WaybillError('CONFIG_INVALID', `waybill ${command.name} takes no argument ${excess}`, {
      hint: 'Options begin with --; a list is given with commas and without spaces.',
    });
  }
  return { command, flags: { ...unknownFlag(unknown), ...knownFlags(reader) } };
}

/**
 * One for all commands, so that options may stand before the command as well: which command takes
 * which is looked at later. No option insists on a value, or it would take the next option for one.
 */
function newReader(): Commander {
  const reader = new Commander().helpOption(false);
  for (const [name, spec] of OPTION_SPECS) {
    const option = new Option(`--${name} [value]`);
    if (spec.type === 'boolean') {
      reader.addOption(option.preset(true)).addOption(new Option(`--no-${name}`));
    } else {
      reader.addOption(option.preset('').argParser(collect));
    }
  }
  return reader.addOption(new Option('--help')).addOption(new Option('--version'));
}

/** A repeated option is a list, whether it may be one or not. */
function collect(value: string, before: string | string[] | undefined): string | string[] {
  return before === undefined ? value : [before, value].flat();
}

const SHORT_NAMES: ReadonlyMap<string, string> = new Map([
  ['h', 'help'],
  ...[...OPTION_SPECS].flatMap(([name, { alias }]) => (alias ? [[alias, name] as const] : [])),
]);

/**
 * `-c=file` and `-config=file` as `--config=file`. Commander would read what stands behind a short
 * name as its value, and look for a file called "=file" or "onfig=file".
 */
function longName(typed: string): string {
  const [, name, rest] = /^-([a-z][^=]*)(.*)$/is.exec(typed) ?? [];
  return name === undefined ? typed : `--${SHORT_NAMES.get(name) ?? name}${rest}`;
}

const SWITCHES: ReadonlySet<string> = new Set(
  [...OPTION_SPECS].filter(([, { type }]) => type === 'boolean').map(([name]) => `--${name}`),
);

/** A switch takes `true` or `false`, but the command that stands behind it is not its value. */
function switchesBeforeCommand(words: readonly string[], commands: readonly Command[]): string[] {
  return words.map((word, index) => {
    const isBeforeCommand = commands.some(({ name }) => name === words[index + 1]);
    return isBeforeCommand && SWITCHES.has(word) ? `${word}=true` : word;
  });
}

function knownFlags(reader: Commander): Record<string, unknown> {
  const flags = reader.options
    .filter((option) => !option.negate)
    .map((option) => [option.name(), reader.getOptionValue(option.attributeName())] as const);
  return Object.fromEntries(flags.filter(([, value]) => value !== undefined));
}

/** The first one is enough for a message; what follows it may be its value. */
function unknownFlag([typed]: readonly string[]): Record<string, unknown> {
  const name = typed?.replace(/^--?/, '').replace(/=.*$/s, '');
  return name === undefined ? {} : Object.fromEntries([[name, true]]);
}
