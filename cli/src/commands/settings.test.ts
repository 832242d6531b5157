import { GC_DEFAULTS } from '@waybill/audit/gc/settings';
import { CAPTURE_DEFAULTS } from '@waybill/capture/start/settings';
import { ASSESS_DEFAULTS } from '@waybill/load/assess/settings';
import { CUTOVER_DEFAULTS } from '@waybill/load/settings/cutover-settings';
import { LOAD_DEFAULTS } from '@waybill/load/settings/load-settings';
import { DEFAULT_TIMEOUT_MS } from '@waybill/shared/bucket/store-options';
import { describe, expect, it } from 'vitest';
import { DEFAULT_METRICS_HOST } from '../metrics/metrics-host.ts';
import { inCode, OPTION_SPECS } from '../options/options.ts';
import { resolveOptions } from '../options/resolve.ts';
import { captureSettings, loadSettings, untilOf } from './settings.ts';

const options = (more: Record<string, unknown> = {}) =>
  resolveOptions({
    command: 'run',
    flags: { source: 'mongodb://a', target: 'mongodb://b', bucket: '/b', ...more },
  });

describe('defaults', () => {
  /** Every setting of every room, under its one name. */
  const tables: readonly Readonly<Record<string, unknown>>[] = [
    { ...CAPTURE_DEFAULTS, until: undefined },
    { ...LOAD_DEFAULTS, until: undefined },
    CUTOVER_DEFAULTS,
    GC_DEFAULTS,
    { ...ASSESS_DEFAULTS },
    { bucketTimeout: DEFAULT_TIMEOUT_MS, metricsHost: DEFAULT_METRICS_HOST },
  ];
  /** Depends on the machine, so that help and manual describe it. */
  const DESCRIBED = ['readers'];

  it.each([...OPTION_SPECS])('of --%s stand in the settings alone', (name, spec) => {
    const values = tables.filter((table) => inCode(name) in table).map((table) => table[inCode(name)]);
    const preset = spec.default ?? (spec.type === 'boolean' ? false : spec.type === 'list' ? [] : undefined);
    for (const value of values) {
      if (!DESCRIBED.includes(name)) expect(preset).toEqual(value ?? undefined);
    }
    const own = new Set(['log-format', 'log-level']);
    if (spec.default !== undefined && !own.has(name)) expect(values.length, name).toBeGreaterThan(0);
  });
});

describe('settings', () => {
  it('are the defaults of the services where nothing is said, as the manual has them', () => {
    expect(captureSettings(options(), 'stopped')).toEqual(CAPTURE_DEFAULTS);
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
      load: 'l',
      include: 'a',
      exclude: 'a.b',
      map: 'a=c',
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
      indexes: 'last',
      ddl: 'halt',
      'allow-drop': true,
      'max-dead-letters': '12',
      'progress-database': 'p',
      workers: '9',
      'max-write-rate': '700',
      'max-document-size': '4MiB',
      'write-concern': '2',
      'idle-poll': '4s',
      'batch-records': '10',
      'batch-size': '1MiB',
    });
    const namesOf = (settings: object, defaults: object): string[] =>
      Object.entries(settings)
        .filter(([name, value]) => value !== defaults[name as keyof typeof defaults])
        .map(([name]) => name)
        .sort();
    // The names of the options themselves, but for those that `run` has no use for.
    const shared = (defaults: object, ...but: string[]): string[] =>
      [...OPTION_SPECS.keys()]
        .map(inCode)
        .filter((name) => name in defaults && !but.includes(name))
        .sort();
    expect(namesOf(captureSettings(given, 'caught-up'), CAPTURE_DEFAULTS)).toEqual(shared(CAPTURE_DEFAULTS));
    expect(namesOf(loadSettings(given, { until: null }), LOAD_DEFAULTS)).toEqual(
      shared(LOAD_DEFAULTS, 'include', 'exclude', 'until', 'waitForStream'),
    );
    expect(shared(CAPTURE_DEFAULTS).length + shared(LOAD_DEFAULTS).length).toBe(40);
  });

  it('refuse a codec that the format has not', () => {
    expect(() => captureSettings(options({ codec: 'gzip' }), 'stopped')).toThrow(
      '--codec gzip does not go with --format avro',
    );
  });

  it('refuse a rule for names that is none', () => {
    expect(() => loadSettings(options({ map: 'shop.*=store.x' }), { until: null })).toThrow(
      '--map "shop.*=store.x": it would put every collection under one name',
    );
  });

  it('refuse a milestone that the command does not reach', () => {
    expect(untilOf(options({ until: 'caught-up' }), 'load')).toBe('caught-up');
    expect(() => untilOf(options({ until: 'drained' }), 'capture')).toThrow(
      '--until: waybill capture does not reach drained',
    );
  });
});
