/**
 * What `--help` prints: all commands, or one with its options, in the groups of docs/options.md.
 */

import { EXIT_CODES } from '@waybill/shared/base/error-codes';
import type { Argv, Options as YargsOptions } from 'yargs';
import type { Command } from './commands/command.ts';
import { OPTION_SPECS, OPTIONS } from './options/options.ts';
import type { OptionSpec, OptionType } from './options/spec/option.ts';
import { formatDefault } from './options/spec/value.ts';

declare module 'yargs' {
  interface Argv<T> {
    /** In the library, and not yet in its types. */
    usageConfiguration(configuration: { readonly 'hide-types': boolean }): Argv<T>;
  }
}

/** Longer lines are hard to read, however wide the terminal is. */
const MAX_COLUMNS = 110;

/** What one would write. Choices speak for themselves, and a switch has no value. */
const FORMS: Readonly<Record<OptionType, string>> = {
  string: 'text',
  integer: 'number',
  limit: 'number',
  size: 'size',
  duration: 'duration',
  rate: 'rate',
  boolean: '',
  list: 'list',
  enum: '',
  connection: 'connection',
};

const BUCKET_GROUP = OPTIONS['bucket-region'].group;

/** `columns` is undefined if there is no terminal. */
export function describeFrontDoor(door: Argv, version: string, columns: number | undefined): Argv {
  return (
    door
      .scriptName('waybill')
      .locale('en')
      .wrap(Math.min(MAX_COLUMNS, columns || MAX_COLUMNS))
      // A form, choices and default read better behind the description than at the right edge.
      .usageConfiguration({ 'hide-types': true })
      .usage(
        '$0 <command> [options]\n\nMoves a live MongoDB deployment to a MongoDB-compatible target through a bucket.',
      )
      .help('help', 'Show this help.')
      .alias('help', 'h')
      .version('version', 'Show the version.', version)
      .group(['help', 'version'], 'General:')
  );
}

/** The options of a bucket that is not a folder are many, and few need them. */
export function describeCommand(page: Argv, command: Command, unfolded: boolean): Argv {
  const { argument } = command;
  page.usage(`$0 ${command.name}${argument ? ` [${argument.name}]` : ''} [options]\n\n${command.describe}`);
  if (argument) {
    const { name, choices, describe } = argument;
    page.positional(name, { type: 'string', describe: `${describe} [${choices.join(' | ')}]` });
  }
  for (const [name, spec] of OPTION_SPECS) {
    if (!spec.commands.includes(command.name)) continue;
    page.option(name, yargsOption(spec, command, unfolded)).group(name, `${spec.group}:`);
  }
  return page;
}

function yargsOption(spec: OptionSpec, command: Command, unfolded: boolean): YargsOptions {
  const here = { ...spec, ...spec.inCommand?.[command.name] };
  return {
    type: spec.type === 'boolean' ? 'boolean' : 'string',
    describe: description(here, spec.requiredBy?.includes(command.name) ?? false),
    hidden: spec.group === BUCKET_GROUP && !unfolded,
    ...(here.choices ? { choices: here.choices } : {}),
  };
}

function description(spec: OptionSpec, isNeeded: boolean): string {
  const notes = [
    spec.choices?.join(' | ') ?? FORMS[spec.type],
    spec.default !== undefined && `default: ${formatDefault(spec)}`,
    isNeeded && 'needed',
  ].filter(Boolean);
  return notes.length === 0 ? spec.describe : `${spec.describe} [${notes.join(', ')}]`;
}

/** Below what yargs prints. Not wrapped, since a command line is there to be copied. */
export function closingText(command: Command | undefined, unfolded: boolean): string {
  if (!command) return `\nOptions of a command: waybill capture --help\n\n${EVERYWHERE}`;
  const isFolded = !unfolded && OPTION_SPECS.get('bucket-region')?.commands.includes(command.name);
  const examples = command.examples.map(
    ([line, meaning]) => `  ${line.replace('$0', 'waybill')}\n      ${meaning}\n`,
  );
  return [
    isFolded ? `\nBucket options (S3, Google Cloud Storage): waybill ${command.name} --help all\n` : '',
    `\nExamples:\n${examples.join('')}`,
    `\n${EVERYWHERE}`,
  ].join('');
}

const EVERYWHERE = `Every option can also be a variable (WAYBILL_…) or a key of a --config file:
docs/options.md

Exit codes: 0 done, ${EXIT_CODES.failed} failed, ${EXIT_CODES.usage} wrong use, ${EXIT_CODES.difference} differences or damage, ${EXIT_CODES.fenced} fenced,
${EXIT_CODES['history-lost']} history lost, ${EXIT_CODES.interrupted} interrupted: docs/operations.md
`;
