/** The first line of a log: what runs here, and on what. */

import type { LogFields } from '@waybill/shared/base/logger';
import { hostsOf } from '@waybill/shared/mongo/driver/uri';
import { inCode, OPTION_SPECS, type Options } from '../options/options.ts';
import type { CommandName } from '../options/spec/commands.ts';

/** Logged beside the options, given or not. */
const ALWAYS = ['bucket', 'stream', 'load'] as const;

export function beginning(command: CommandName, options: Options, version: string): LogFields {
  const { source, target } = options;
  const isOurs = (name: (typeof ALWAYS)[number]): boolean =>
    OPTION_SPECS.get(name)?.commands.includes(command) ?? false;
  return {
    version,
    node: process.versions.node,
    command,
    ...(source && { source: hostsOf(source.reveal()) }),
    ...(target && { target: hostsOf(target.reveal()) }),
    ...Object.fromEntries(ALWAYS.filter(isOurs).map((name) => [name, options[name]])),
    options: givenOptions(options),
  };
}

/** The options that differ from their defaults. */
function givenOptions(options: Options): Record<string, unknown> {
  const given: Record<string, unknown> = {};
  for (const [name, spec] of OPTION_SPECS) {
    const value = options[inCode(name)];
    if (spec.type === 'connection' || (ALWAYS as readonly string[]).includes(name)) continue;
    if (value === undefined || value === false || (Array.isArray(value) && value.length === 0)) continue;
    if (value !== spec.default) given[name] = value;
  }
  return given;
}
