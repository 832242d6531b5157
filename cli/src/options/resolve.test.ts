import { relative } from 'node:path';
import { inspect } from 'node:util';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { OPTION_SPECS } from './options.ts';
import { type ResolveInput, required, resolveOptions, wantsJson } from './resolve.ts';
import { formatDefault, parseValue } from './spec/value.ts';

const PASSWORD = 'hunter2';
const where = { source: `mongodb://a:${PASSWORD}@h/`, bucket: '/b' };

type Input = Partial<ResolveInput> & {
  readonly files?: Record<string, string>;
  readonly environment?: Record<string, string>;
};

function resolve({ files = {}, environment = {}, ...rest }: Input) {
  stubEnvironment(environment);
  return resolveOptions({
    command: 'capture',
    flags: where,
    readFile: (path) => {
      const content = files[path.startsWith('/run/') ? path : relative(process.cwd(), path)];
      if (content === undefined) throw Object.assign(new Error(path), { code: 'ENOENT' });
      return content;
    },
    ...rest,
  });
}

function stubEnvironment(environment: Readonly<Record<string, string>>): void {
  for (const [name, value] of Object.entries(environment)) vi.stubEnv(name, value);
}

afterEach(() => {
  vi.unstubAllEnvs();
});

function failure(run: () => unknown): { code: string; message: string; hint?: string; exitCode: number } {
  try {
    run();
  } catch (error) {
    expect(inspect(error)).not.toContain(PASSWORD);
    return error as { code: string; message: string; hint?: string; exitCode: number };
  }
  throw new Error('nothing was thrown');
}

describe('the table', () => {
  it.each([...OPTION_SPECS])('%s is whole', (name, spec) => {
    expect(name).toMatch(/^[a-z]+(-[a-z]+)*$/);
    expect(spec.describe).toMatch(/\.$/);
    expect(spec.type === 'enum').toBe(spec.choices !== undefined);
    expect(spec.commands.length).toBeGreaterThan(0);
    for (const command of spec.requiredBy ?? []) expect(spec.commands).toContain(command);
    if (spec.default !== undefined) expect(parseValue(spec, formatDefault(spec))).toBe(spec.default);
    if (spec.example !== undefined && spec.type !== 'connection') {
      expect(() => parseValue(spec, spec.example)).not.toThrow();
    }
  });
});

describe('resolveOptions', () => {
  it('takes flag before environment before file before default', () => {
    const files = { 'w.yaml': 'readers: 2\nlanes: 2\ncommit-interval: 2s\ninclude: [a, b.c]\n' };
    const options = resolve({
      files,
      environment: { WAYBILL_CONFIG: 'w.yaml', WAYBILL_READERS: '3', WAYBILL_LANES: '3', WAYBILL_FORMAT: '' },
      flags: { ...where, readers: '4' },
    });
    expect([options.readers, options.lanes, options.commitInterval, options.format]).toEqual([
      4,
      3,
      2000,
      'avro',
    ]);
    expect(options.include).toEqual(['a', 'b.c']);
    expect(options.exclude).toEqual([]);
    expect(options.maxReadRate).toBeUndefined();
    expect(options.json).toBe(false);
  });

  it.each([
    ['as it stands', 'mongodb://a:p@h/', {}, {}],
    ['from a variable', 'env:URI', { URI: 'mongodb://a:p@h/' }, {}],
    ['from a file', 'file:/run/uri', {}, { '/run/uri': 'mongodb://a:p@h/\n' }],
  ])('takes a connection string %s', (_name, source, environment, files) => {
    const options = resolve({ flags: { ...where, source }, environment, files });
    expect(required(options, 'source').reveal()).toBe('mongodb://a:p@h/');
    expect(inspect(options)).not.toContain('a:p');
  });

  it('takes a list in one flag or in several', () => {
    expect(resolve({ flags: { ...where, include: ['a,b', 'c'] } }).include).toEqual(['a', 'b', 'c']);
    expect(resolve({ flags: { ...where, include: 'a, b' } }).include).toEqual(['a', 'b']);
  });

  it('lets a file serve several commands', () => {
    const files = { 'w.yaml': 'workers: 2\nbatch-size: 1MiB\nsource: mongodb://h\n' };
    const options = resolve({ command: 'status', files, flags: { bucket: '/b', config: 'w.yaml' } });
    expect(options.bucket).toBe('/b');
    expect(options.workers).toBe(6);
  });
});

describe('mistakes', () => {
  it.each<[string, Input, string, RegExp, RegExp]>([
    [
      'unknown key',
      { files: { f: 'reader: 4' }, flags: { ...where, config: 'f' } },
      'CONFIG_UNKNOWN_KEY',
      /key in f: reader/,
      /readers\?/,
    ],
    ['missing', { flags: { bucket: '/b' } }, 'CONFIG_INVALID', /--source is needed/, /WAYBILL_SOURCE/],
    [
      'bad size',
      { flags: { ...where, 'chunk-size': 'big' } },
      'CONFIG_INVALID',
      /--chunk-size: "big" is not a size such as/,
      /./,
    ],
    [
      'bad variable',
      { environment: { WAYBILL_READERS: 'x' } },
      'CONFIG_INVALID',
      /--readers \(from WAYBILL_READERS\): "x"/,
      /./,
    ],
    [
      'bad key',
      { files: { f: 'lanes: 0' }, flags: { ...where, config: 'f' } },
      'CONFIG_INVALID',
      /--lanes \(from f\): 0 is not/,
      /./,
    ],
    ['no value', { flags: { ...where, format: '' } }, 'CONFIG_INVALID', /--format: needs a value/, /./],
    [
      'twice',
      { flags: { ...where, bucket: ['/a', '/b'] } },
      'CONFIG_INVALID',
      /--bucket: is given more than once/,
      /./,
    ],
    [
      'no connection string',
      { flags: { ...where, source: `a:${PASSWORD}@h` } },
      'CONFIG_INVALID',
      /--source: the value is not a connection string/,
      /./,
    ],
    [
      'unset variable',
      { flags: { ...where, source: 'env:NOPE' } },
      'CONFIG_UNREADABLE',
      /variable NOPE is not set/,
      /./,
    ],
    [
      'no such secret file',
      { flags: { ...where, source: 'file:/nope' } },
      'CONFIG_UNREADABLE',
      /\/nope cannot be read \(ENOENT\)/,
      /./,
    ],
    [
      'no such config',
      { flags: { ...where, config: 'nope' } },
      'CONFIG_UNREADABLE',
      /--config: the file \/.*\/nope cannot/,
      /./,
    ],
    [
      'not YAML',
      { files: { f: `source: "mongodb://a:${PASSWORD}@h` }, flags: { ...where, config: 'f' } },
      'CONFIG_INVALID',
      /\/f is not YAML at line 1/,
      /./,
    ],
    [
      'not a map',
      { files: { f: '- a' }, flags: { ...where, config: 'f' } },
      'CONFIG_INVALID',
      /\/f holds no keys/,
      /bucket:/,
    ],
  ])('%s', (_name, input, code, message, hint) => {
    const error = failure(() => resolve(input));
    expect(error.code).toBe(code);
    expect(error.exitCode).toBe(2);
    expect(error.message).toMatch(message);
    expect(error.hint ?? '').toMatch(hint.source === '.' ? /|./ : hint);
  });
});

describe('variables of the environment', () => {
  it('are errors where no option is called so, and nothing else reads them', () => {
    const error = failure(() => resolve({ environment: { WAYBILL_BUCKTE: '/b' } }));
    expect(error).toMatchObject({
      code: 'CONFIG_UNKNOWN_KEY',
      message: 'unknown environment variable WAYBILL_BUCKTE',
      hint: 'Did you mean WAYBILL_BUCKET?',
    });
  });

  it('may be those of tests and servers, of other commands, of services, and what an option refers to', () => {
    const environment = {
      WAYBILL_MONGOD: '/m',
      WAYBILL_CACHE: '/c',
      WAYBILL_DEBUG: '1',
      WAYBILL_TEST_SEED: '7',
      WAYBILL_TARGET: 'mongodb://t',
      WAYBILL_UNSET: '',
      WAYBILL_SERVICE_HOST: '10.0.0.1',
      WAYBILL_PORT_9464_TCP_ADDR: '10.0.0.1',
      WAYBILL_PORT: 'tcp://10.0.0.1:9464',
      WAYBILL_METRICS_PORT: 'tcp://10.0.0.1:9464',
      WAYBILL_OWN: where.source,
    };
    const given = resolve({ environment, flags: { ...where, source: 'env:WAYBILL_OWN' } });
    expect(given.metricsPort).toBeUndefined();
    expect(given.source?.reveal()).toBe(where.source);
  });
});

it.each([
  ['', {}, '', false],
  ['--json', {}, '', true],
  ['--json status', {}, '', true],
  ['--json=no', {}, '', false],
  ['--no-json', { WAYBILL_JSON: 'yes' }, '', false],
  ['--json --json=false', {}, '', false],
  ['--log-format json', {}, '', true],
  ['', { WAYBILL_LOG_FORMAT: 'json' }, '', true],
  ['', { WAYBILL_JSON: 'true' }, '', true],
  ['--config f', {}, 'log-format: json', true],
  ['-c f --nonsense', {}, 'log-format: json', true],
  ['', { WAYBILL_CONFIG: 'f' }, 'json: yes', true],
  ['--config f --log-format text', {}, 'log-format: json', false],
  ['--config f', {}, 'lanes: [', false],
])(
  'knows from "%s", %j and %j whether an error is to be told as JSON: %s',
  (typed, environment, file, json) => {
    stubEnvironment(environment);
    expect(wantsJson(typed === '' ? [] : typed.split(' '), () => file)).toBe(json);
  },
);
