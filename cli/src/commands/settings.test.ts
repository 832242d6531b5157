import { DEFAULT_CAPTURE_SETTINGS } from '@waybill/capture/start/settings';
import { LOAD_DEFAULTS } from '@waybill/load/settings/load-settings';
import { describe, expect, it } from 'vitest';
import { resolveOptions } from '../options/resolve.ts';
import { captureSettings, loadSettings, untilOf } from './settings.ts';

const options = (more: Record<string, unknown> = {}) =>
  resolveOptions({
    command: 'run',
    flags: { source: 'mongodb://a', target: 'mongodb://b', bucket: '/b', ...more },
    environment: {},
  });

describe('settings', () => {
  it('are the defaults of the services where nothing is said, as the manual has them', () => {
    expect(captureSettings(options(), 'stopped')).toEqual(DEFAULT_CAPTURE_SETTINGS);
    expect(loadSettings(options(), { until: null })).toEqual(LOAD_DEFAULTS);
  });

  it('leave --include to the capture, unless the command says that it is for the load', () => {
    const given = options({ include: 'a', exclude: 'a.b' });
    expect(loadSettings(given, { until: null })).toMatchObject({ include: [], exclude: [] });
    const { include, exclude } = given;
    expect(loadSettings(given, { until: null, include, exclude })).toMatchObject({
      include: ['a'],
      exclude: ['a.b'],
    });
  });

  it('carry every option', () => {
    const given = options({
      stream: 's',
      include: 'a',
      exclude: 'a.b',
      lanes: '3',
      format: 'jsonl',
      codec: 'gzip',
      images: 'post',
      'time-series': 'snapshot-only',
      'allow-empty': true,
      'new-stream': true,
      'take-over': true,
      'owner-silence': '20s',
      'chunk-size': '2MiB',
      'segment-size': '3MiB',
      readers: '5',
      'read-preference': 'secondaryPreferred',
      'max-read-rate': '6MiB',
      'commit-size': '7MiB',
      'commit-interval': '8s',
    });
    const changed = Object.entries(captureSettings(given, 'caught-up')).filter(
      ([name, value]) => value !== DEFAULT_CAPTURE_SETTINGS[name as keyof typeof DEFAULT_CAPTURE_SETTINGS],
    );
    expect(changed.map(([name]) => name).sort()).toEqual(
      'allowEmpty chunkBytes codec commitBytes commitIntervalMs exclude format images include lanes maxReadBytesPerSecond newStream ownerSilenceMs readPreference readers segmentBytes stream takeOver timeSeries until'.split(
        ' ',
      ),
    );
  });

  it('refuse a codec that the format has not', () => {
    expect(() => captureSettings(options({ codec: 'gzip' }), 'stopped')).toThrow(
      '--codec gzip does not go with --format avro',
    );
  });

  it('refuse a milestone that the command does not reach', () => {
    expect(untilOf(options({ until: 'caught-up' }), 'load', ['caught-up'])).toBe('caught-up');
    expect(() => untilOf(options({ until: 'drained' }), 'capture', ['caught-up'])).toThrow(
      '--until: waybill capture does not reach drained',
    );
  });
});
