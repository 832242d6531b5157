/** The command line as yargs sees it: from the table of options to help and flags. Values stay as they were typed. */

import type { OptionSpec } from '@waybill/shared/config/option';
import { OPTION_SPECS, type OptionName } from '@waybill/shared/config/options';
import { unknownName } from '@waybill/shared/config/resolve';
import { WaybillError } from '@waybill/shared/errors';
import yargs, { type Argv, type Options as YargsOptions } from 'yargs';
import type { Command } from './commands/command.ts';

export interface Invocation {
  readonly command: Command;
  readonly flags: Readonly<Record<string, unknown>>;
}

/** What to run, or null where help or the version was asked for and printed. Throws CONFIG_* for what does not parse. */
export async function readCommandLine(
  argv: readonly string[],
  commands: readonly Command[],
  version: string,
): Promise<Invocation | null> {
  let invocation: Invocation | null = null;
  const parser = yargs([...argv])
    .scriptName('waybill')
    .usage(
      '$0 <command> [options]\n\nMoves a live MongoDB deployment to a MongoDB-compatible target through a bucket.',
    )
    .parserConfiguration({
      'camel-case-expansion': false,
      'dot-notation': false,
      'parse-numbers': false,
      'parse-positional-numbers': false,
      'short-option-groups': false,
      'strip-aliased': true,
    })
    .locale('en')
    .version(version)
    .help()
    .alias('help', 'h')
    .wrap(Math.min(110, process.stdout.columns ?? 110))
    .epilogue('Every option is also a key of a --config file and an environment variable: docs/options.md.')
    .exitProcess(false)
    .fail((message, error) => {
      throw error ?? new WaybillError('CONFIG_INVALID', message, { hint: 'See waybill --help.' });
    });
  for (const command of commands) {
    parser.command(
      command.name,
      command.describe,
      (each) => declareOptions(each, command),
      (args) => {
        const { _: words, $0: _script, help: _help, version: _version, ...flags } = args;
        if (words.length > 1) {
          throw new WaybillError('CONFIG_INVALID', `waybill ${command.name} takes no argument ${words[1]}`, {
            hint: 'Options begin with --; a list is given with commas and without spaces.',
          });
        }
        invocation = { command, flags };
      },
    );
  }
  parser.command(
    '$0',
    false,
    (each) => each,
    (args) => {
      const [word] = args._;
      if (word !== undefined) {
        throw unknownName(
          'command',
          String(word),
          commands.map((each) => each.name),
        );
      }
      throw new WaybillError('CONFIG_INVALID', 'no command is given', {
        hint: 'waybill --help lists them; waybill demo shows everything at work.',
      });
    },
  );
  await parser.parseAsync();
  return invocation;
}

function declareOptions(parser: Argv, command: Command): Argv {
  for (const [name, spec] of OPTION_SPECS) {
    if (spec.commands.includes(command.name)) parser.option(name, flagOf(name, spec, command));
  }
  for (const [line, meaning] of command.examples) parser.example(line, meaning);
  return parser.usage(`$0 ${command.name} [options]\n\n${command.describe}`);
}

/** yargs only collects: parsing, defaults and what is needed are the table's business, so that all sources agree. */
function flagOf(_name: OptionName, spec: OptionSpec, command: Command): YargsOptions {
  const needed = spec.requiredBy?.includes(command.name) ? ' [needed]' : '';
  return {
    type: spec.type === 'boolean' ? 'boolean' : 'string',
    describe: `${spec.describe}${needed}`,
    group: `${spec.group}:`,
    ...(spec.alias ? { alias: spec.alias } : {}),
    ...(spec.default ? { defaultDescription: spec.default } : {}),
    // Shown in help only: a value outside is refused with the option's name by the table.
    ...(spec.choices ? { describe: `${spec.describe} (${spec.choices.join(', ')})${needed}` } : {}),
  };
}
