/**
 * What `--help` prints: all commands, or one with its options, group by group as in
 * docs/options.md.
 */

import { Command as Commander, type Help, Option } from 'commander';
import type { Command } from './commands/command.ts';
import type { OptionSpec, OptionType } from './options/option.ts';
import { OPTION_SPECS } from './options/options.ts';

/** Longer lines are hard to read, however wide the terminal is. */
const MAX_COLUMNS = 110;
/** Of a description. Where the terminal leaves less, it may break the lines itself. */
const MIN_COLUMNS = 20;

/** Shown behind the option; a boolean has no value that one would write. */
const VALUES: Readonly<Record<OptionType, string>> = {
  string: ' <text>',
  integer: ' <number>',
  size: ' <size>',
  duration: ' <duration>',
  boolean: '',
  list: ' <list>',
  enum: ' <choice>',
  connection: ' <connection>',
};

/**
 * Of one command, or of all where none is given. `columns` is undefined where there is no terminal.
 */
export function helpText(
  commands: readonly Command[],
  command: Command | undefined,
  columns: number | undefined,
): string {
  const width = Math.min(MAX_COLUMNS, columns || MAX_COLUMNS);
  const page = command ? commandPage(command) : overview(commands);
  page
    .addOption(new Option('--version', 'Show the version.'))
    .addOption(new Option('-h, --help', 'Show this help.'))
    .helpOption(false)
    .helpCommand(false)
    .configureOutput({ getOutHelpWidth: () => width })
    .configureHelp({ minWidthToWrap: MIN_COLUMNS, optionTerm: aligned });
  const end = command ? examples(command) : epilogue(page.createHelp(), width);
  return `${page.helpInformation()}\n${end}\n`;
}

function overview(commands: readonly Command[]): Commander {
  const page = new Commander('waybill')
    .usage('<command> [options]')
    .description('Moves a live MongoDB deployment to a MongoDB-compatible target through a bucket.');
  for (const { name, describe } of commands) page.command(name).description(describe);
  return page;
}

function commandPage({ name: command, describe }: Command): Commander {
  const page = new Commander(`waybill ${command}`).usage('[options]').description(describe);
  for (const [name, spec] of OPTION_SPECS) {
    if (!spec.commands.includes(command)) continue;
    const flags = `${spec.alias ? `-${spec.alias}, ` : ''}--${name}${VALUES[spec.type]}`;
    const needed = spec.requiredBy?.includes(command) ?? false;
    page.addOption(new Option(flags, description(spec, needed)).helpGroup(`${spec.group}:`));
  }
  return page;
}

function description({ describe, choices, default: preset }: OptionSpec, needed: boolean): string {
  const parts = [
    describe,
    choices && `(${choices.join(', ')})`,
    preset && `[default: ${preset}]`,
    needed && '[needed]',
  ];
  return parts.filter(Boolean).join(' ');
}

/** Long names below each other, whether there is a short one or not. */
function aligned({ short, flags }: Option): string {
  return short ? flags : `    ${flags}`;
}

/** Not wrapped: a command line is there to be copied. */
function examples(command: Command): string {
  const shown = command.examples.map(
    ([line, meaning]) => `  ${line.replace('$0', 'waybill')}\n      ${meaning}`,
  );
  return ['Examples:', ...shown].join('\n');
}

function epilogue(help: Help, width: number): string {
  return help.boxWrap(
    'Every option is also a key of a --config file and an environment variable: docs/options.md.',
    width,
  );
}
