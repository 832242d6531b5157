/** From the values of options to the settings of the services, which know nothing of options. */
import { type CaptureSettings, DEFAULT_CAPTURE_SETTINGS } from '@waybill/capture/start/settings';
import { type LoadSettings, resolveLoadSettings } from '@waybill/load/settings/load-settings';
import { WaybillError } from '@waybill/shared/base/errors';
import type { Options } from '../options/options.ts';

type Until = NonNullable<Options['until']>;

/** Errors: CONFIG_INVALID for what no single option shows to be wrong. */
export function captureSettings(options: Options, until: CaptureSettings['until']): CaptureSettings {
  if (options.codec === (options.format === 'avro' ? 'gzip' : 'deflate')) {
    throw new WaybillError(
      'CONFIG_INVALID',
      `--codec ${options.codec} does not go with --format ${options.format}`,
      {
        hint: 'Use zstandard; deflate is for Avro only, gzip for JSON Lines only.',
      },
    );
  }
  return {
    ...DEFAULT_CAPTURE_SETTINGS,
    stream: options.stream,
    include: options.include,
    exclude: options.exclude,
    lanes: options.lanes,
    format: options.format,
    codec: options.codec,
    images: options.images,
    timeSeries: options['time-series'],
    allowEmpty: options['allow-empty'],
    newStream: options['new-stream'],
    takeOver: options['take-over'],
    ownerSilenceMs: options['owner-silence'],
    until,
    chunkBytes: options['chunk-size'],
    segmentBytes: options['segment-size'],
    readers: options.readers ?? DEFAULT_CAPTURE_SETTINGS.readers,
    readPreference: options['read-preference'],
    maxReadBytesPerSecond: options['max-read-rate'] ?? null,
    commitBytes: options['commit-size'],
    commitIntervalMs: options['commit-interval'],
  };
}

/**
 * `--include` and `--exclude` mean the load only where the command loads and does not capture: the
 * caller says.
 */
export function loadSettings(
  options: Options,
  given: Pick<LoadSettings, 'until'> & Partial<Pick<LoadSettings, 'include' | 'exclude'>>,
): LoadSettings {
  return resolveLoadSettings({
    ...given,
    streamWaitMs: options['wait-for-stream'],
    stream: options.stream,
    load: options.load,
    allowEmpty: options['allow-empty'],
    indexes: options.indexes,
    ddl: options.ddl,
    allowDrop: options['allow-drop'],
    progressDatabase: options['progress-database'] ?? null,
    workers: options.workers,
    idlePollMs: options['idle-poll'],
    changeBatchRecords: options['batch-records'],
    changeBatchBytes: options['batch-size'],
  });
}

/** --until, where it is one that the command can reach. */
export function untilOf<Allowed extends Until>(
  options: Options,
  command: string,
  allowed: readonly Allowed[],
): Allowed | undefined {
  const { until } = options;
  if (until === undefined || isOneOf(until, allowed)) return until;
  throw new WaybillError('CONFIG_INVALID', `--until: waybill ${command} does not reach ${until} by itself`, {
    hint: `With ${command}, use one of: ${allowed.join(', ')}.`,
  });
}

function isOneOf<Allowed extends Until>(until: Until, allowed: readonly Allowed[]): until is Allowed {
  return (allowed as readonly Until[]).includes(until);
}
