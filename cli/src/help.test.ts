import { execFileSync } from 'node:child_process';
import { EXIT_CODES } from '@waybill/shared/base/error-codes';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { readCommandLine } from './command-line.ts';
import { COMMANDS } from './commands/commands.ts';
import { OPTION_SPECS } from './options/options.ts';
import { formatDefault } from './options/spec/value.ts';

const longest = (text: string): number => Math.max(...text.split('\n').map((line) => line.length));
/** What yargs lays out; below it stands what is not wrapped. */
const laidOut = (text: string): string =>
  text.slice(0, text.search(/\n(Bucket options|Examples|Options of)/));

afterEach(() => {
  vi.restoreAllMocks();
});

/** As the command prints it to a terminal of that many columns; undefined if there is none. */
function help(columns: number | undefined, ...argv: string[]): string {
  let text = '';
  vi.spyOn(process.stdout, 'write').mockImplementation((chunk) => {
    text += String(chunk);
    return true;
  });
  const own = Object.getOwnPropertyDescriptor(process.stdout, 'columns');
  Object.defineProperty(process.stdout, 'columns', { value: columns, configurable: true });
  try {
    expect(readCommandLine([...argv, '--help'], COMMANDS, '0')).toBeNull();
  } finally {
    if (own) Object.defineProperty(process.stdout, 'columns', own);
    else Reflect.deleteProperty(process.stdout, 'columns');
    vi.restoreAllMocks();
  }
  return text;
}

interface Shown {
  readonly group: string;
  readonly name: string;
  description: string;
}

/** Read as a person does: headings, and below each its names with a column of descriptions. */
function shownOptions(text: string): Shown[] {
  const shown: Shown[] = [];
  let group = '';
  let column = 0;
  for (const line of laidOut(text).split('\n')) {
    const option = /^ {2}(?: {4}|-., )--\S+ +/.exec(line);
    const last = shown.at(-1);
    if (/^\S.*:$/.test(line)) {
      group = line.slice(0, -1);
      column = 0;
    } else if (option) {
      column ||= option[0].length;
      expect(option[0].length, line).toBe(column);
      shown.push({ group, name: option[0].trim(), description: line.slice(column) });
    } else if (last && line !== '') {
      expect(line.slice(0, column).trim()).toBe('');
      last.description += ` ${line.slice(column)}`;
    }
  }
  return shown;
}

const FORMS = {
  size: 'size',
  duration: 'duration',
  rate: 'rate',
  integer: 'number',
  limit: 'number',
  list: 'list',
  string: 'text',
} as const;

describe.each(COMMANDS)('the help of $name', (command) => {
  const text = help(undefined, command.name);
  const all = help(undefined, command.name, 'all');
  const options = [...OPTION_SPECS].filter(([, spec]) => spec.commands.includes(command.name));
  const hasBucket = options.some(([name]) => name === 'bucket-endpoint');

  it('shows its options in their groups and in order, with form, choices and default', () => {
    const expected = options.map(([name, declared]) => {
      const spec = { ...declared, ...declared.inCommand?.[command.name] };
      const form =
        spec.choices?.join(' | ') ?? { ...FORMS, connection: 'connection', boolean: '', enum: '' }[spec.type];
      const byDefault = spec.default === undefined ? '' : `default: ${formatDefault(spec)}`;
      const needed = spec.requiredBy?.includes(command.name) ? 'needed' : '';
      const notes = [form, byDefault, needed].filter((note) => note !== '').join(', ');
      return {
        group: spec.group,
        name: `${spec.alias ? `-${spec.alias}, ` : ''}--${name}`,
        description: notes ? `${spec.describe} [${notes}]` : spec.describe,
      };
    });
    const first = expected.findIndex(({ group }) => group === 'General');
    const general = [
      { group: 'General', name: '-h, --help', description: 'Show this help.' },
      { group: 'General', name: '--version', description: 'Show the version.' },
    ];
    const everything = expected.toSpliced(first, 0, ...general);
    expect(shownOptions(all)).toEqual(everything);
    expect(shownOptions(text)).toEqual(everything.filter(({ group }) => !group.startsWith('Bucket')));
    expect(everything.findIndex(({ group }) => group.startsWith('Bucket'))).toBe(
      hasBucket ? shownOptions(text).length : -1,
    );
  });

  it('says how to unfold the options of buckets, where there are any', () => {
    expect(text.includes(`waybill ${command.name} --help all\n`)).toBe(hasBucket);
    expect(all).not.toContain('--help all');
  });

  it('ends with its examples, each on a line of its own, the exit codes and the manual', () => {
    const shown = command.examples.map(
      ([line, meaning]) => `  ${line.replace('$0', 'waybill')}\n      ${meaning}\n`,
    );
    const [, end = ''] = text.split(`\n\nExamples:\n${shown.join('')}\n`);
    for (const code of [0, ...Object.values(EXIT_CODES)]) expect(end).toMatch(new RegExp(`\\b${code} [a-z]`));
    expect(end.endsWith('docs/operations.md\n')).toBe(true);
    expect(longest(end)).toBeLessThanOrEqual(80);
  });

  it('is as wide as the terminal, and never wider than 110 columns', () => {
    expect(longest(text)).toBeLessThanOrEqual(110);
    expect(help(300, command.name)).toBe(text);
    expect(help(0, command.name)).toBe(text);
    for (const columns of [60, 80, 100]) {
      const narrow = laidOut(help(columns, command.name)).split('\n');
      const items = narrow.filter((line) => line.startsWith('  '));
      expect(longest(items.join('\n'))).toBeLessThanOrEqual(columns);
    }
  });
});

it('the help of all is as wide as the terminal', () => {
  expect(longest(help(undefined))).toBeLessThanOrEqual(110);
  expect(longest(laidOut(help(60)))).toBeLessThanOrEqual(60);
});

describe('completion', () => {
  /** What bash offers for a line: its own completion, with the script that the command prints. */
  function offered(line: string): string[] {
    const launcher = new URL('../bin/waybill.js', import.meta.url).pathname;
    const words = line.split(' ');
    const script = `
      waybill() { "$NODE" "$LAUNCHER" "$@"; }
      source <(waybill completion)
      COMP_WORDS=(${words.map((word) => `'${word}'`).join(' ')}) COMP_CWORD=${words.length - 1}
      $(complete -p waybill | sed 's/.*-F \\([^ ]*\\).*/\\1/')
      printf '%s\\n' "\${COMPREPLY[@]}"`;
    const environment = { ...process.env, NODE: process.execPath, LAUNCHER: launcher, SHELL: '/bin/bash' };
    return execFileSync('bash', ['-c', script], { env: environment, encoding: 'utf8' }).trimEnd().split('\n');
  }

  it.each([
    ['waybill ca', ['capture']],
    ['waybill c', ['capture', 'control', 'cutover', 'completion']],
    ['waybill capture --commit-', ['--commit-size', '--commit-interval']],
    ['waybill capture --bucket-r', ['--bucket-region']],
    ['waybill capture --c', ['--chunk-size', '--codec', '--commit-interval', '--commit-size', '--config']],
    ['waybill gc --commit-', ['']],
    ['waybill capture --format ', ['avro', 'jsonl']],
    ['waybill run --read-preference s', ['secondaryPreferred']],
  ])('of "%s" in bash', (line, expected) => {
    expect(offered(line).sort()).toEqual([...expected].sort());
  });

  it('prints a script for zsh if that is the shell', () => {
    const launcher = new URL('../bin/waybill.js', import.meta.url).pathname;
    const environment = { ...process.env, SHELL: '/usr/bin/zsh' };
    const script = execFileSync(process.execPath, [launcher, 'completion'], {
      env: environment,
      encoding: 'utf8',
    });
    expect(script).toMatch(/^#compdef waybill\n/);
  });
});
