/** Settings of capture and load, from the options of a command. */
import { CAPTURE_DEFAULTS, type CaptureSettings } from '@waybill/capture/start/settings';
import { NameMapping } from '@waybill/load/mapping/name-mapping';
import { LOAD_DEFAULTS, type LoadSettings, resolveLoadSettings } from '@waybill/load/settings/load-settings';
import { WaybillError } from '@waybill/shared/base/errors';
import type { Options } from '../options/options.ts';
import { UNTIL } from '../options/spec/commands.ts';

/** The options that are settings too. An option without a default may be undefined. */
type Given<Settings> = {
  readonly [Name in Exclude<keyof Settings & keyof Options, 'until'>]: Settings[Name] | undefined;
};

function settingsFrom<Settings extends object>(defaults: Settings, options: Given<Settings>): Settings {
  const given: Readonly<Record<string, unknown>> = options;
  const all = Object.entries(defaults).map(([name, value]) => [name, given[name] ?? value]);
  return Object.fromEntries(all) as Settings;
}

/** Errors: CONFIG_INVALID for options that do not go together. */
export function captureSettings(options: Options, until: CaptureSettings['until']): CaptureSettings {
  const { format, codec } = options;
  if (codec === (format === 'avro' ? 'gzip' : 'deflate')) {
    throw new WaybillError('CONFIG_INVALID', `--codec ${codec} does not go with --format ${format}`, {
      hint: 'Use zstandard; deflate is for Avro only, gzip for JSON Lines only.',
    });
  }
  return { ...settingsFrom(CAPTURE_DEFAULTS, options), until };
}

/**
 * `--include` and `--exclude` mean the load only if the command does not capture as well, so the
 * caller passes them. Errors: CONFIG_INVALID for a rule of `--map` that is none.
 */
export function loadSettings(
  options: Options,
  given: Pick<LoadSettings, 'until'> & Partial<Pick<LoadSettings, 'include' | 'exclude'>>,
): LoadSettings {
  const { include, exclude } = LOAD_DEFAULTS;
  // The load reads the rules too, but only when it has reached the target.
  void NameMapping.of(options.map ?? []);
  return resolveLoadSettings({
    ...settingsFrom<LoadSettings>(LOAD_DEFAULTS, options),
    include,
    exclude,
    ...given,
  });
}

/** The milestone of --until. Errors: CONFIG_INVALID if the command does not reach it. */
export function untilOf<Name extends keyof typeof UNTIL>(
  options: Options,
  command: Name,
): (typeof UNTIL)[Name][number] | undefined {
  const { until } = options;
  const reached: readonly string[] = UNTIL[command];
  if (until === undefined || reached.includes(until)) return until as (typeof UNTIL)[Name][number];
  throw new WaybillError('CONFIG_INVALID', `--until: waybill ${command} does not reach ${until} by itself`, {
    hint: `With ${command}, use one of: ${reached.join(', ')}.`,
  });
}
