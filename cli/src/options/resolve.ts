/**
 * Values of a command's options: flag before environment variable before key of the file before
 * default. Flags must belong to the command; the file and the environment may serve several
 * commands, so they may hold options of others, but nothing that no command knows.
 */

import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { WaybillError } from '@waybill/shared/base/errors';
import { Secret } from '@waybill/shared/base/secret';
import { closest } from '@waybill/shared/base/suggest';
import { type CommandName, type OptionSpec, type OptionValue, parseValue, ValueError } from './option.ts';
import { environmentName, isOptionName, OPTION_SPECS, type OptionName, type Options } from './options.ts';

export interface ResolveInput {
  readonly command: CommandName;
  /** By option name, as the command line had them; undefined for what was not given. */
  readonly flags: Readonly<Record<string, unknown>>;
  readonly environment: Readonly<Record<string, string | undefined>>;
  /** For tests. */
  readonly readFile?: ((path: string) => string) | undefined;
}

type ReadFile = (path: string) => string;

interface Given {
  readonly raw: unknown;
  /** For messages: where the value was given. */
  readonly where: string;
}

/** Errors: CONFIG_INVALID, CONFIG_UNKNOWN_KEY, CONFIG_UNREADABLE. */
export function resolveOptions(input: ResolveInput): Options {
  const readFile: ReadFile = input.readFile ?? ((path) => readFileSync(path, 'utf8'));
  rejectUnknownFlags(input);
  const fileGiven = find('config', {}, input);
  const path = fileGiven && (resolveValue('config', fileGiven, input, readFile) as string);
  const file = path === undefined ? {} : readConfigFile(path, readFile);
  rejectUnknownVariables(input, file);
  const result: Partial<Record<OptionName, OptionValue | undefined>> = {};
  for (const [name, spec] of OPTION_SPECS) {
    const isOurs = spec.commands.includes(input.command);
    const given = isOurs ? find(name, file, input, path) : undefined;
    if (given) result[name] = resolveValue(name, given, input, readFile);
    else if (isOurs && spec.requiredBy?.includes(input.command)) throw missing(name, spec);
    else result[name] = defaultValue(spec);
  }
  return result as Options;
}

/**
 * Whether what goes wrong is to be told as JSON. Best effort and without an error of its own: it is
 * asked where the options could not be resolved.
 */
export function wantsJson({ flags, environment, readFile }: Omit<ResolveInput, 'command'>): boolean {
  const read: ReadFile = readFile ?? ((path) => readFileSync(path, 'utf8'));
  const input = { command: 'run', flags, environment } as const;
  let file: Readonly<Record<string, unknown>> = {};
  const path = find('config', {}, input)?.raw;
  try {
    if (typeof path === 'string') file = (yaml().parse(read(path)) ?? {}) as Record<string, unknown>;
  } catch {
    // That it cannot be read is what will be told.
  }
  const value = (name: OptionName): unknown => find(name, Object(file), input)?.raw;
  return value('log-format') === 'json' || [true, 'true', 'yes', '1'].includes(value('json') as string);
}

/** The value of an option that a command's own logic needs. */
export function required<Name extends OptionName>(options: Options, name: Name): NonNullable<Options[Name]> {
  const value = options[name];
  if (value === undefined || value === null) throw missing(name, OPTION_SPECS.get(name) as OptionSpec);
  return value;
}

export function unknownName(
  kind: string,
  name: string,
  known: Iterable<string>,
  show = (text: string) => text,
): WaybillError {
  const guess = closest(name, known);
  return new WaybillError('CONFIG_UNKNOWN_KEY', `unknown ${kind} ${show(name)}`, {
    hint: guess ? `Did you mean ${show(guess)}?` : 'See waybill --help for what there is.',
  });
}

const flag = (name: string): string => `--${name}`;

function rejectUnknownFlags(input: ResolveInput): void {
  const ours = [...OPTION_SPECS]
    .filter(([, spec]) => spec.commands.includes(input.command))
    .map(([name]) => name);
  for (const name of Object.keys(input.flags)) {
    if (input.flags[name] === undefined || ours.includes(name as OptionName)) continue;
    if (!isOptionName(name)) throw unknownName('option', name, ours, flag);
    const commands = OPTION_SPECS.get(name)?.commands.join(', ');
    throw new WaybillError('CONFIG_UNKNOWN_KEY', `waybill ${input.command} has no option --${name}`, {
      hint: `--${name} belongs to: ${commands}.`,
      context: { option: name, command: input.command },
    });
  }
}

const PREFIX = 'WAYBILL_';
/** Of the launcher, the servers of demo and tests, and the tests themselves. */
const OTHER_VARIABLES = ['WAYBILL_DEBUG', 'WAYBILL_CACHE', 'WAYBILL_MONGOD', 'WAYBILL_LAUNCHED'];
/** What orchestrators set for services that are called waybill or waybill-metrics. */
const SERVICE_LINK = /_SERVICE_(HOST|PORT)(_|$)|_PORT_\d+_(TCP|UDP|SCTP)/;
const SERVICE_ADDRESS = /^(tcp|udp|sctp):\/\//;

/** The environment may serve other commands too, but a name that no command knows is a slip. */
function rejectUnknownVariables(
  { flags, environment }: ResolveInput,
  file: Readonly<Record<string, unknown>>,
): void {
  const known = [...[...OPTION_SPECS.keys()].map(environmentName), ...OTHER_VARIABLES];
  const names = Object.keys(environment).filter((name) => name.startsWith(PREFIX) && environment[name]);
  // A variable that holds a connection string may be called anything.
  const values = [flags, file, environment].flatMap((each) => Object.values(each));
  const referred = values.flatMap((value) => /^env:(.+)$/.exec(String(value))?.[1] ?? []);
  for (const name of names) {
    if (known.includes(name) || referred.includes(name) || name.startsWith(`${PREFIX}TEST_`)) continue;
    const isLink = SERVICE_LINK.test(name) || SERVICE_ADDRESS.test(environment[name] ?? '');
    if (!isLink) throw unknownName('environment variable', name, known);
  }
}

function find(
  name: OptionName,
  file: Readonly<Record<string, unknown>>,
  input: ResolveInput,
  path?: string,
): Given | undefined {
  const typed = input.flags[name];
  if (typed !== undefined) {
    // A repeated list flag: each may hold commas, as a single one may.
    const isList = OPTION_SPECS.get(name)?.type === 'list' && Array.isArray(typed);
    return { raw: isList ? typed.join(',') : typed, where: flag(name) };
  }
  const variable = environmentName(name);
  // An empty variable is how shells and manifests unset one.
  const set = input.environment[variable];
  if (set && !SERVICE_ADDRESS.test(set)) {
    return { raw: set, where: `${flag(name)} (from ${variable})` };
  }
  if (Object.hasOwn(file, name)) return { raw: file[name], where: `${flag(name)} (from ${path})` };
  return undefined;
}

function resolveValue(name: OptionName, given: Given, input: ResolveInput, readFile: ReadFile): OptionValue {
  const spec = OPTION_SPECS.get(name) as OptionSpec;
  const invalid = (problem: string): WaybillError =>
    new WaybillError('CONFIG_INVALID', `${given.where}: ${problem}`, {
      context: { option: name },
      ...(spec.example ? { hint: `For example: --${name} ${spec.example}` } : {}),
    });
  if (given.raw === '' || (given.raw === null && spec.type !== 'enum')) throw invalid('needs a value');
  if (Array.isArray(given.raw) && spec.type !== 'list') throw invalid('is given more than once');
  try {
    if (spec.type === 'connection') return resolveConnection(given, input, readFile);
    return parseValue(spec, given.raw);
  } catch (error) {
    if (!(error instanceof ValueError)) throw error;
    const shown = spec.type === 'connection' ? 'the value' : JSON.stringify(given.raw);
    throw invalid(`${shown} is not ${error.expected}`);
  }
}

function resolveConnection(given: Given, input: ResolveInput, readFile: ReadFile): Secret {
  const { raw } = given;
  if (typeof raw !== 'string') throw new ValueError('a connection string, env:NAME or file:/path');
  const value = raw.trim();
  if (value.startsWith('env:')) {
    const referred = input.environment[value.slice(4)];
    if (referred) return new Secret(referred.trim());
    throw unreadable(`${given.where}: the environment variable ${value.slice(4)} is not set`);
  }
  if (value.startsWith('file:')) {
    const text = readTextFile(value.slice(5), given.where, readFile).trim();
    if (text) return new Secret(text);
    throw unreadable(`${given.where}: the file ${value.slice(5)} is empty`);
  }
  if (!/^mongodb(\+srv)?:\/\//.test(value)) {
    throw new ValueError('a connection string (mongodb://… or mongodb+srv://…), env:NAME or file:/path');
  }
  return new Secret(value);
}

function defaultValue(spec: OptionSpec): OptionValue | undefined {
  if (spec.default !== undefined) return parseValue(spec, spec.default);
  if (spec.type === 'boolean') return false;
  return spec.type === 'list' ? [] : undefined;
}

function missing(name: OptionName, spec: OptionSpec): WaybillError {
  return new WaybillError('CONFIG_INVALID', `--${name} is needed`, {
    hint: `Give --${name}${spec.example ? ` ${spec.example}` : ''}, the variable ${environmentName(name)}, or the key ${name} in a --config file.`,
    context: { option: name },
  });
}

/** Loaded where there is such a file: it takes longer than all of the table. */
function yaml(): typeof import('yaml') {
  return createRequire(import.meta.url)('yaml') as typeof import('yaml');
}

function readConfigFile(path: string, readFile: ReadFile): Record<string, unknown> {
  let content: unknown;
  const text = readTextFile(path, '--config', readFile);
  try {
    content = yaml().parse(text) ?? {};
  } catch (error) {
    // The parser's message quotes lines of the file, which may hold a password; its first line
    // names the place only.
    const where = /at line \d+, column \d+/.exec((error as Error).message)?.[0] ?? '';
    throw new WaybillError('CONFIG_INVALID', `--config: ${path} is not YAML ${where}`.trimEnd());
  }
  if (typeof content !== 'object' || content === null || Array.isArray(content)) {
    throw new WaybillError('CONFIG_INVALID', `--config: ${path} holds no keys`, {
      hint: 'A configuration file has lines such as "bucket: /var/lib/waybill".',
    });
  }
  for (const name of Object.keys(content)) {
    if (!isOptionName(name) || name === 'config') {
      throw unknownName(`key in ${path}:`, name, OPTION_SPECS.keys());
    }
  }
  return content as Record<string, unknown>;
}

function readTextFile(path: string, where: string, readFile: ReadFile): string {
  try {
    return readFile(path);
  } catch (error) {
    const reason = (error as NodeJS.ErrnoException).code ?? 'unknown error';
    throw unreadable(`${where}: the file ${path} cannot be read (${reason})`);
  }
}

function unreadable(message: string): WaybillError {
  return new WaybillError('CONFIG_UNREADABLE', message, {
    hint: 'Check the name, and that this user may read it.',
  });
}
