/**
 * Typed values of a command's options: flag before environment variable before key of the file
 * before default.
 */

import { Secret } from '@waybill/shared/base/secret';
import { type Elsewhere, isGiven, readElsewhere, rejectUnknownNames } from './elsewhere.ts';
import { environmentName, inCode, OPTION_SPECS, type OptionName, type Options } from './options.ts';
import { type ReadFile, readTextFile, readUtf8 } from './read-file.ts';
import { invalidValue, missing, unreadable } from './refusals.ts';
import type { CommandName } from './spec/commands.ts';
import type { OptionSpec, OptionValue } from './spec/option.ts';
import { parseValue, ValueError } from './spec/value.ts';

export interface ResolveInput {
  readonly command: CommandName;
  /** By option name, as the command line had them. */
  readonly flags: Readonly<Record<string, unknown>>;
  /** For tests. */
  readonly readFile?: ReadFile;
}

interface Given {
  readonly raw: unknown;
  /** For messages: where the value was given. */
  readonly where: string;
}

const NOWHERE_ELSE: Elsewhere = { values: {}, file: {} };

/** Errors: CONFIG_INVALID, CONFIG_UNKNOWN_KEY, CONFIG_UNREADABLE. */
export function resolveOptions({ command, flags, readFile = readUtf8 }: ResolveInput): Options {
  const value = (name: OptionName, given: Given): OptionValue => resolveValue(name, given, readFile);
  const typedPath =
    flags.config === undefined
      ? []
      : [`--config=${value('config', { raw: flags.config, where: '--config' })}`];
  const elsewhere = readElsewhere(typedPath, readFile);
  if (elsewhere.problem) throw elsewhere.problem;
  const path = elsewhere.values.config as string | undefined;
  rejectUnknownNames(flags, elsewhere.file, path);

  const result: Partial<Record<keyof Options, OptionValue | undefined>> = {};
  for (const [name, spec] of OPTION_SPECS) {
    const isOurs = spec.commands.includes(command);
    const sources = spec.typedFor?.includes(command) ? NOWHERE_ELSE : elsewhere;
    const given = isOurs ? find(name, flags, sources) : undefined;
    if (given) result[inCode(name)] = value(name, given);
    else if (isOurs && spec.requiredBy?.includes(command)) throw missing(name, spec);
    else result[inCode(name)] = defaultValue(spec);
  }
  return result as Options;
}

/**
 * Whether an error is to be told as JSON. Has no error of its own: it is asked after the words or
 * the options turned out to be wrong.
 */
export function wantsJson(argv: readonly string[], readFile = readUtf8): boolean {
  const { values } = readElsewhere(argv, readFile);
  const json = [values.json].flat().at(-1);
  const isOn = json !== undefined && ![false, 'false', 'no', '0'].includes(json as string);
  return isOn || values['log-format'] === 'json';
}

/** The value of an option that a command's own logic needs. */
export function required<Name extends OptionName & keyof Options>(
  options: Options,
  name: Name,
): NonNullable<Options[Name]> {
  const value = options[name];
  if (value === undefined || value === null) throw missing(name, OPTION_SPECS.get(name) as OptionSpec);
  return value;
}

function find(
  name: OptionName,
  flags: ResolveInput['flags'],
  { values, file }: Elsewhere,
): Given | undefined {
  const typed = flags[name];
  if (typed !== undefined) {
    // A repeated list flag: each may hold commas, as a single one may.
    const isList = OPTION_SPECS.get(name)?.type === 'list' && Array.isArray(typed);
    return { raw: isList ? typed.join(',') : typed, where: `--${name}` };
  }
  const variable = environmentName(name);
  if (isGiven(process.env[variable]) && Object.hasOwn(values, name))
    return { raw: values[name], where: `--${name} (from ${variable})` };
  if (Object.hasOwn(file, name)) return { raw: values[name], where: `--${name} (from ${values.config})` };
  return undefined;
}

function resolveValue(name: OptionName, { raw, where }: Given, readFile: ReadFile): OptionValue {
  const spec = OPTION_SPECS.get(name) as OptionSpec;
  if (raw === '' || (raw === null && spec.type !== 'enum'))
    throw invalidValue(name, spec, where, 'needs a value');
  if (Array.isArray(raw) && spec.type !== 'list')
    throw invalidValue(name, spec, where, 'is given more than once');
  try {
    if (spec.type === 'connection') return resolveConnection({ raw, where }, readFile);
    return parseValue(spec, raw);
  } catch (error) {
    if (!(error instanceof ValueError)) throw error;
    const shown = spec.type === 'connection' ? 'the value' : JSON.stringify(raw);
    throw invalidValue(name, spec, where, `${shown} is not ${error.expected}`);
  }
}

function resolveConnection({ raw, where }: Given, readFile: ReadFile): Secret {
  if (typeof raw !== 'string') throw new ValueError('a connection string, env:NAME or file:/path');
  const value = raw.trim();
  if (value.startsWith('env:')) {
    const referred = process.env[value.slice(4)];
    if (referred) return new Secret(referred.trim());
    throw unreadable(`${where}: the environment variable ${value.slice(4)} is not set`);
  }
  if (value.startsWith('file:')) {
    const text = readTextFile(value.slice(5), where, readFile).trim();
    if (text) return new Secret(text);
    throw unreadable(`${where}: the file ${value.slice(5)} is empty`);
  }
  if (!/^mongodb(\+srv)?:\/\//.test(value)) {
    throw new ValueError('a connection string (mongodb://… or mongodb+srv://…), env:NAME or file:/path');
  }
  return new Secret(value);
}

function defaultValue(spec: OptionSpec): OptionValue | undefined {
  if (spec.default !== undefined) return spec.default;
  if (spec.type === 'boolean') return false;
  return spec.type === 'list' ? [] : undefined;
}
