/** The command line as users type it, up to the typed options. */
import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { hasCode, WaybillError } from '@waybill/shared/base/errors';
import { describe, expect, it } from 'vitest';
import packageJson from '../package.json' with { type: 'json' };
import { type Invocation, readCommandLine } from './command-line.ts';
import { COMMANDS } from './commands/commands.ts';
import { OPTION_SPECS, type Options } from './options/options.ts';
import { resolveOptions } from './options/resolve.ts';

async function read(...argv: string[]): Promise<Invocation> {
  const invocation = readCommandLine(argv, COMMANDS, '0');
  if (!invocation) throw new Error('help was printed');
  return invocation;
}

async function optionsOf(...argv: string[]): Promise<Options> {
  const { command, flags } = await read(...argv);
  return resolveOptions({ command: command.name, flags });
}

/** As the user sees it: code, message and hint on one line. */
async function refusal(...argv: string[]): Promise<string> {
  const error = await optionsOf(...argv).then(
    () => undefined,
    (thrown: unknown) => thrown,
  );
  expect(error, argv.join(' ')).toBeInstanceOf(WaybillError);
  const { code, message, hint } = error as WaybillError;
  return `${code}: ${message} | ${hint}`;
}

const STATUS = ['status', '--bucket', 'b'] as const;

describe('values', () => {
  it('come as they were typed, under the names of the table', async () => {
    const uri = 'mongodb://user:pass@host/?a=b&c=d';
    const { command, flags } = await read(
      ...['capture', '--source', uri, '--bucket=s3://x/y=z', '--chunk-size', '007', '--lanes=1e3'],
    );
    expect(command.name).toBe('capture');
    expect(flags).toEqual({ source: uri, bucket: 's3://x/y=z', 'chunk-size': '007', lanes: '1e3' });
    expect((await read('status')).flags).toEqual({});
  });

  it('of a switch are not the command that stands behind it', async () => {
    const { command, flags } = await read('--json', 'status', '--watch', 'false');
    expect({ name: command.name, ...flags }).toEqual({ name: 'status', json: true, watch: false });
  });

  it.each([
    [['run', '-c', 'w.yaml']],
    [['run', '-c=w.yaml']],
    [['run', '--config=w.yaml']],
    [['run', '-config', 'w.yaml']],
    [['run', '-config=w.yaml']],
    [['-c', 'w.yaml', 'run']],
    [['--config', 'w.yaml', 'run']],
  ])('%j: by the short name, and before the command', async (argv) => {
    const { command, flags } = await read(...argv);
    expect({ name: command.name, ...flags }).toEqual({ name: 'run', config: 'w.yaml' });
  });

  it('with a dash in front are given with =, numbers in any case', async () => {
    expect((await optionsOf('status', '--bucket=-x')).bucket).toBe('-x');
    expect((await optionsOf('status', '--bucket=--json')).bucket).toBe('--json');
    expect((await optionsOf('status', '--bucket', '-12')).bucket).toBe('-12');
    const needed = /^CONFIG_INVALID: --bucket: needs a value/;
    expect(await refusal('status', '--bucket', '--json')).toMatch(needed);
    expect(await refusal('status', '--bucket')).toMatch(needed);
    expect(await refusal('status', '--bucket=')).toMatch(needed);
    expect(await refusal('status', '--bucket', '')).toMatch(needed);
  });

  it.each([
    [['--json'], true],
    [['--json=true'], true],
    [['--json=false'], false],
    [['--json', 'false'], false],
    [['--json=yes'], true],
    [['--json=no'], false],
    [['--json=1'], true],
    [['--json', 'true', '--json', 'false'], false],
    [['--no-json'], false],
    [['--json', '--no-json'], false],
    [['--no-json', '--json'], true],
    [['--json', '--json'], true],
    [[], false],
  ])('%j as a boolean', async (argv, expected) => {
    expect((await optionsOf(...STATUS, ...argv)).json).toBe(expected);
  });

  it('repeated make a list where there is one, and are refused otherwise', async () => {
    const { include } = await optionsOf(
      ...['load', '--bucket', 'b', '--target', 'mongodb://t', '--include', 'a,b', '--include', 'c'],
    );
    expect(include).toEqual(['a', 'b', 'c']);
    expect(await refusal(...STATUS, '--bucket', 'c', '--bucket', 'd')).toMatch(
      /^CONFIG_INVALID: --bucket: is given more than once/,
    );
  });

  it('of every option reach the table', async () => {
    for (const [name, spec] of OPTION_SPECS) {
      const [command] = spec.commands;
      if (command === undefined) continue;
      const { flags } = await read(command, `--${name}${spec.type === 'boolean' ? '' : '=v'}`);
      expect(flags).toEqual({ [name]: spec.type === 'boolean' ? true : 'v' });
    }
  });
});

describe('mistakes', () => {
  it.each([
    [
      [],
      'CONFIG_INVALID: no command is given | waybill --help lists them; waybill demo shows everything at work.',
    ],
    [['--json'], 'CONFIG_INVALID: no command is given | waybill --help'],
    [['captur'], 'CONFIG_UNKNOWN_KEY: unknown command captur | Did you mean capture?'],
    [
      ['nonsense', '--foo'],
      'CONFIG_UNKNOWN_KEY: unknown command nonsense | See waybill --help for what there is.',
    ],
    [['toString'], 'CONFIG_UNKNOWN_KEY: unknown command toString | See'],
    [['', 'capture'], 'CONFIG_UNKNOWN_KEY: unknown command  | See'],
    [['capture', '--bukcet', 'x'], 'CONFIG_UNKNOWN_KEY: unknown option --bukcet | Did you mean --bucket?'],
    [['capture', '--bukcet=x'], 'CONFIG_UNKNOWN_KEY: unknown option --bukcet | Did you mean --bucket?'],
    [['--bukcet', 'x', 'capture'], 'CONFIG_UNKNOWN_KEY: unknown option --bukcet | Did you mean --bucket?'],
    [
      ['capture', '--chunkSize', '1'],
      'CONFIG_UNKNOWN_KEY: unknown option --chunkSize | Did you mean --chunk-size?',
    ],
    [['capture', '--nonsense'], 'CONFIG_UNKNOWN_KEY: unknown option --nonsense | See'],
    [['capture', '--__proto__', 'x'], 'CONFIG_UNKNOWN_KEY: unknown option --'],
    [['capture', '-cx'], 'CONFIG_UNKNOWN_KEY: unknown option --cx | '],
    [['capture', '-x'], 'CONFIG_UNKNOWN_KEY: unknown option --x | See'],
    [
      ['capture', '--target', 'x'],
      'CONFIG_UNKNOWN_KEY: waybill capture has no option --target | --target belongs to: ',
    ],
    [
      ['capture', '--workers', '3'],
      'CONFIG_UNKNOWN_KEY: waybill capture has no option --workers | --workers belongs to: load, run.',
    ],
    [
      ['--keep', 'capture'],
      'CONFIG_UNKNOWN_KEY: waybill capture has no option --keep | --keep belongs to: demo.',
    ],
    [['--nonsense', 'capture'], 'CONFIG_UNKNOWN_KEY: unknown option --nonsense | See'],
    [['completon'], 'CONFIG_UNKNOWN_KEY: unknown command completon | Did you mean completion?'],
    [['completion', 'zsh'], 'CONFIG_INVALID: waybill completion takes no argument zsh |'],
    [['capture', 'all'], 'CONFIG_INVALID: waybill capture takes no argument all |'],
    [[...STATUS, '--json=maybe'], 'CONFIG_INVALID: --json: "maybe" is not true or false | '],
    [[...STATUS, '--json', 'maybe'], 'CONFIG_INVALID: waybill status takes no argument maybe | '],
    [[...STATUS, '--no-stream'], 'CONFIG_INVALID: --stream: false is not a text | '],
    [
      [...STATUS, '--log-level', 'loud'],
      'CONFIG_INVALID: --log-level: "loud" is not one of debug, info, warn, error, silent | ',
    ],
    [
      ['capture', '--include', 'a', 'b'],
      'CONFIG_INVALID: waybill capture takes no argument b | Options begin with --. Separate the items',
    ],
    [['capture', 'extra', '--nonsense'], 'CONFIG_INVALID: waybill capture takes no argument extra |'],
    [['capture', '--', '--json'], 'CONFIG_INVALID: waybill capture takes no argument --json |'],
  ])('%j', async (argv, expected) => {
    expect((await refusal(...argv)).slice(0, expected.length)).toBe(expected);
  });

  it('carry a code that ends with 2', async () => {
    const error = await read('captur').catch((thrown: unknown) => thrown);
    expect(hasCode(error, 'CONFIG_UNKNOWN_KEY')).toBe(true);
    expect(error).toMatchObject({ exitCode: 2 });
  });
});

describe('waybill, run', () => {
  const run = promisify(execFile);
  const waybill = (...argv: string[]) =>
    run(process.execPath, [fileURLToPath(new URL('../bin/waybill.js', import.meta.url)), ...argv]);

  it.each([[['--version']], [['capture', '--version']]])('%j prints the version', async (argv) => {
    expect(await waybill(...argv)).toEqual({ stdout: `${packageJson.version}\n`, stderr: '' });
  });

  it('loads yargs for the work, and not for the version', async () => {
    const hook = `import { registerHooks } from 'node:module';
      registerHooks({ resolve: (name, context, next) => {
        const found = next(name, context);
        process.stderr.write(found.url + '\\n');
        return found;
      } });`;
    const loaded = async (...argv: string[]): Promise<string> => {
      const launcher = fileURLToPath(new URL('../bin/waybill.js', import.meta.url));
      const watch = `data:text/javascript,${encodeURIComponent(hook)}`;
      return (await run(process.execPath, ['--import', watch, launcher, ...argv])).stderr;
    };
    expect(await loaded('--help')).toMatch(/node_modules\/yargs\//);
    const forVersion = await loaded('--version');
    expect(forVersion).toMatch(/src\/main\.ts/);
    expect(forVersion).not.toMatch(/node_modules\//);
  });

  it.each([[['--help']], [['-h']], [['help']]])('%j lists the commands', async (argv) => {
    const { stdout, stderr } = await waybill(...argv);
    expect(stderr).toBe('');
    expect(stdout).toContain('Moves a live MongoDB deployment');
    for (const { name, describe } of COMMANDS)
      expect(stdout).toMatch(new RegExp(` ${name}( \\[\\w+\\])? +${describe}\n`));
    expect(stdout).toMatch(/-h, --help .*\n/);
    expect(stdout).toMatch(/--version .*\n/);
    expect(stdout).toContain('a key of a --config file:\ndocs/options.md\n');
    expect(stdout.trimEnd().endsWith('docs/operations.md')).toBe(true);
  });

  it.each([[['captur', '--help']], [['help', 'captur']], [['captur', '--version']]])(
    '%j is an error: there is no such command',
    async (argv) => {
      await expect(waybill(...argv)).rejects.toMatchObject({
        code: 2,
        stdout: '',
        stderr: expect.stringMatching(/unknown command captur[\s\S]*Did you mean capture\?/),
      });
    },
  );

  it.each([
    [['gc', '--help']],
    [['-h', 'gc']],
    [['gc', 'help']],
    [['help', 'gc']],
    [['gc', '--bucket', '--help']],
    [['gc', 'extra', '--nonsense', '--help']],
  ])('%j shows the command', async (argv) => {
    const { stdout, stderr } = await waybill(...argv);
    expect(stderr).toBe('');
    expect(stdout).toContain('waybill gc [options]\n\nList what a stream no longer needs');
    expect(stdout).toContain('waybill gc --bucket /data/waybill --delete');
  });
});
