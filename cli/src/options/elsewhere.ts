/**
 * Options that were not typed: those of the environment and of the configuration file. yargs reads
 * both. They may serve several commands, so they may hold options of any command, but no name that
 * no command knows.
 */

import yargs from 'yargs';
import { environmentName, isOptionName, OPTION_SPECS } from './options.ts';
import { type ReadFile, readConfigFile } from './read-file.ts';
import { unknownName } from './refusals.ts';

export type Environment = Readonly<Record<string, string | undefined>>;

export interface Elsewhere {
  /** By option name, as they were given. The environment wins over the file. */
  readonly values: Readonly<Record<string, unknown>>;
  /** The keys of the file; none if there is no file. */
  readonly file: Readonly<Record<string, unknown>>;
  /** Set if the file could not be read: then the values are those of the environment alone. */
  readonly problem?: unknown;
}

const NAMES = [...OPTION_SPECS.keys()];
const ALIASES = Object.fromEntries(
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
export function readElsewhere(
  typed: readonly string[],
  environment: Environment,
  readFile: ReadFile,
): Elsewhere {
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
  const values = withEnvironment(givenVariables(environment), () => reader.parseSync());
  return { values, file, problem };
}

/**
 * yargs reads `process.env` alone, and has kept that object since it was loaded. For this moment
 * the object holds what counts as given.
 */
function withEnvironment<T>(given: Environment, read: () => T): T {
  const own = Object.fromEntries(Object.keys(given).map((name) => [name, process.env[name]]));
  setVariables(given);
  try {
    return read();
  } finally {
    setVariables(own);
  }
}

function setVariables(variables: Environment): void {
  for (const [name, value] of Object.entries(variables)) {
    if (value === undefined) delete process.env[name];
    else process.env[name] = value;
  }
}

/** What orchestrators set for services that are called waybill or waybill-metrics. */
const SERVICE_ADDRESS = /^(tcp|udp|sctp):\/\//;
const SERVICE_LINK = /_SERVICE_(HOST|PORT)(_|$)|_PORT_\d+_(TCP|UDP|SCTP)/;

/** An empty variable is how shells and manifests unset one. */
export function isGiven(value: string | undefined): value is string {
  return value !== undefined && value !== '' && !SERVICE_ADDRESS.test(value);
}

/** By the variable of every option; undefined if it is not given. */
function givenVariables(environment: Environment): Environment {
  const values = NAMES.map(environmentName).map((name) => [name, environment[name]] as const);
  return Object.fromEntries(values.map(([name, value]) => [name, isGiven(value) ? value : undefined]));
}

/** Read by the launcher, by the servers of demo and tests, and by the tests themselves. */
const OF_THE_PROCESS = ['WAYBILL_DEBUG', 'WAYBILL_CACHE', 'WAYBILL_MONGOD', 'WAYBILL_LAUNCHED'];
const OF_TESTS = 'WAYBILL_TEST_';

/** Errors: CONFIG_UNKNOWN_KEY. `flags` may refer to variables, which may have any name. */
export function rejectUnknownNames(
  flags: Readonly<Record<string, unknown>>,
  file: Readonly<Record<string, unknown>>,
  environment: Environment,
  path: string | undefined,
): void {
  for (const key of Object.keys(file)) {
    if (!isOptionName(key) || key === 'config') throw unknownName(`key in ${path}:`, key, NAMES);
  }
  const known = [...NAMES.map(environmentName), ...OF_THE_PROCESS];
  const values = [flags, file, environment].flatMap((each) => Object.values(each));
  const referred = values.flatMap((value) => /^env:(.+)$/.exec(String(value))?.[1] ?? []);
  for (const [name, value] of Object.entries(environment)) {
    if (!name.startsWith(`${PREFIX}_`) || !isGiven(value) || SERVICE_LINK.test(name)) continue;
    if (known.includes(name) || referred.includes(name) || name.startsWith(OF_TESTS)) continue;
    throw unknownName('environment variable', name, known);
  }
}
