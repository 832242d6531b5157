/**
 * Options that were not typed: those of the environment and of the configuration file. yargs reads
 * both. They may serve several commands, so they may hold options of any command, but no name that
 * no command knows.
 */

import yargs from 'yargs';
import { environmentName, isOptionName, OPTION_SPECS } from './options.ts';
import { type ReadFile, readConfigFile } from './read-file.ts';
import { unknownName } from './refusals.ts';

export interface Elsewhere {
  /** By option name, as they were given. The environment wins over the file. */
  readonly values: Readonly<Record<string, unknown>>;
  /** The keys of the file; none if there is no file. */
  readonly file: Readonly<Record<string, unknown>>;
  /** Set if the file could not be read: then the values are those of the environment alone. */
  readonly problem?: unknown;
}

const NAMES = [...OPTION_SPECS.keys()];
export const ALIASES: Readonly<Record<string, string>> = Object.fromEntries(
  [...OPTION_SPECS].flatMap(([name, { alias }]) => (alias ? [[name, alias]] : [])),
);
const PREFIX = 'WAYBILL';

/** Names and values stay as they were typed. */
export const AS_TYPED = {
  'camel-case-expansion': false,
  'dot-notation': false,
  'parse-numbers': false,
  'short-option-groups': false,
  'strip-aliased': true,
};

/**
 * `typed` may name the file; otherwise the environment may. Whatever else is among the words wins
 * over both.
 */
export function readElsewhere(typed: readonly string[], readFile: ReadFile): Elsewhere {
  forgetEmptyVariables();
  let file: Record<string, unknown> = {};
  let problem: unknown;
  const reader = yargs([...typed])
    .help(false)
    .version(false)
    // A variable's name becomes commitInterval before it becomes commit-interval.
    .parserConfiguration({ ...AS_TYPED, 'camel-case-expansion': true })
    .string(NAMES)
    .alias(ALIASES)
    .env(PREFIX)
    .config('config', (path) => {
      // yargs keeps an error's message only.
      try {
        file = readConfigFile(path, readFile);
      } catch (error) {
        problem = error;
      }
      return file;
    });
  return { values: reader.parseSync(), file, problem };
}

/** What orchestrators set for services that are called waybill or waybill-metrics. */
const SERVICE_ADDRESS = /^(tcp|udp|sctp):\/\//;
const SERVICE_LINK = /_SERVICE_(HOST|PORT)(_|$)|_PORT_\d+_(TCP|UDP|SCTP)/;

/** An empty variable is how shells and manifests unset one. */
export function isGiven(value: string | undefined): value is string {
  return value !== undefined && value !== '' && !SERVICE_ADDRESS.test(value);
}

/** yargs would take an empty variable for a value. */
function forgetEmptyVariables(): void {
  for (const name of NAMES.map(environmentName)) if (!isGiven(process.env[name])) delete process.env[name];
}

/** Read by the launcher, by the servers of demo and tests, and by the tests themselves. */
const OF_THE_PROCESS = ['WAYBILL_DEBUG', 'WAYBILL_CACHE', 'WAYBILL_MONGOD', 'WAYBILL_LAUNCHED'];
const OF_TESTS = 'WAYBILL_TEST_';

/** Errors: CONFIG_UNKNOWN_KEY. `flags` may refer to variables, which may have any name. */
export function rejectUnknownNames(
  flags: Readonly<Record<string, unknown>>,
  file: Readonly<Record<string, unknown>>,
  path: string | undefined,
): void {
  for (const key of Object.keys(file)) {
    if (!isOptionName(key) || key === 'config') throw unknownName(`key in ${path}:`, key, NAMES);
  }
  const known = [...NAMES.map(environmentName), ...OF_THE_PROCESS];
  const values = [flags, file, process.env].flatMap((each) => Object.values(each));
  const referred = values.flatMap((value) => /^env:(.+)$/.exec(String(value))?.[1] ?? []);
  for (const [name, value] of Object.entries(process.env)) {
    if (!name.startsWith(`${PREFIX}_`) || !isGiven(value) || SERVICE_LINK.test(name)) continue;
    if (known.includes(name) || referred.includes(name) || name.startsWith(OF_TESTS)) continue;
    throw unknownName('environment variable', name, known);
  }
}
