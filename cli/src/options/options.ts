/**
 * Every option of every command, once. This table makes flags, environment variables (`WAYBILL_`
 * and the name in capitals), keys of the configuration file, `--help` and docs/options.md. Its
 * groups are in `table/`; its defaults are those of the settings that each option belongs to.
 */
import type { Secret } from '@waybill/shared/base/secret';
import type { OptionSpec } from './spec/option.ts';
import { BUCKET_OPTIONS } from './table/bucket.ts';
import { CAPTURE_OPTIONS } from './table/capture.ts';
import { COMMAND_OPTIONS } from './table/command.ts';
import { GENERAL_OPTIONS } from './table/general.ts';
import { LOAD_OPTIONS } from './table/load.ts';
import { STREAM_OPTIONS } from './table/stream.ts';
import { WHERE_OPTIONS } from './table/where.ts';

/** In the order in which they are shown. */
export const OPTIONS = {
  ...WHERE_OPTIONS,
  ...COMMAND_OPTIONS,
  ...STREAM_OPTIONS,
  ...CAPTURE_OPTIONS,
  ...LOAD_OPTIONS,
  ...GENERAL_OPTIONS,
  ...BUCKET_OPTIONS,
} as const satisfies Readonly<Record<string, OptionSpec>>;

export type OptionName = keyof typeof OPTIONS;
type Spec<Name extends OptionName> = (typeof OPTIONS)[Name];

type Parsed<S extends OptionSpec> = S['type'] extends 'integer' | 'limit' | 'size' | 'duration'
  ? number
  : S['type'] extends 'boolean'
    ? boolean
    : S['type'] extends 'list'
      ? readonly string[]
      : S['type'] extends 'connection'
        ? Secret
        : S extends { readonly choices: readonly (infer Choice)[] }
          ? Choice
          : string;

/** Without a default a boolean is false, a list is empty, and anything else may be undefined. */
type Resolved<S extends OptionSpec> = S extends { readonly default: string | number }
  ? Parsed<S>
  : S['type'] extends 'boolean' | 'list'
    ? Parsed<S>
    : Parsed<S> | undefined;

/** `commit-interval` is `commitInterval` in code, and in the settings of the half that uses it. */
export type InCode<Name extends string> = Name extends `${infer First}-${infer Rest}`
  ? `${First}${Capitalize<InCode<Rest>>}`
  : Name;

/** Typed values: sizes in bytes, durations in milliseconds, connections as Secrets. */
export type Options = { readonly [Name in OptionName as InCode<Name>]: Resolved<Spec<Name>> };

/** The table without its literal types. */
export const OPTION_SPECS: ReadonlyMap<OptionName, OptionSpec> = new Map(
  Object.entries(OPTIONS) as [OptionName, OptionSpec][],
);

export function isOptionName(name: string): name is OptionName {
  return Object.hasOwn(OPTIONS, name);
}

export function inCode(name: OptionName): keyof Options {
  return name.replace(/-(.)/g, (_, letter: string) => letter.toUpperCase()) as keyof Options;
}

export function environmentName(name: OptionName): string {
  return `WAYBILL_${name.toUpperCase().replaceAll('-', '_')}`;
}
