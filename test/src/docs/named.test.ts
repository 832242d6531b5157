/**
 * Everything that a message, a hint or a page tells somebody to type exists. The test looks at all
 * literals in the code, since a hint may be made anywhere. It ignores comments, and files that
 * start other programs.
 */
import { readdirSync } from 'node:fs';
import { expect, it } from 'vitest';
import { environmentName, OPTION_SPECS, type OptionName } from 'waybill/options/options';
import { COMMANDS, COMPLETION } from 'waybill/options/spec/commands';
import { PAGES, root, text } from './manual.ts';

const SOURCES = ['schemas', 'shared', 'capture', 'load', 'audit', 'console', 'cli', 'demo'].flatMap(
  (workspace) =>
    readdirSync(new URL(`${workspace}/src/`, root), { recursive: true, encoding: 'utf8' })
      .filter((name) => name.endsWith('.ts') && !/\.(test|itest)\.ts$|testing\.ts$|contract/.test(name))
      .map((name) => `${workspace}/src/${name}`),
);

/** mongod, tar and the like have options of their own. */
const STARTS_OTHERS = /^demo\/src\/|young-generation/;
const OTHERS_OPTIONS = new Set([
  'help',
  'version',
  'get-yargs-completions',
  'replSet',
  'configsvr',
  'shardsvr',
  'setParameter',
]);
/** Words about the program: nothing to type. */
const NO_COMMANDS = new Set(
  'starts probe itself does has is was and or in on of to for by keeps reads writes makes takes can must will needs'.split(
    ' ',
  ),
);

const withoutComments = (code: string): string =>
  code.replace(/^\s*(\/\*\*?|\*|\/\/).*$/gm, '').replace(/\s\/\/ .*$/gm, '');

interface Named {
  readonly commands: readonly string[];
  /** With the value after an equals sign. */
  readonly options: readonly (readonly [name: string, value: string | undefined])[];
  readonly variables: readonly string[];
  readonly scripts: readonly string[];
}

function namedIn(shown: string): Named {
  const all = (pattern: RegExp): string[] => [...shown.matchAll(pattern)].map(([, name = '']) => name);
  return {
    commands: all(/\bwaybill ([a-z]+(?:-[a-z]+)*)/g),
    options: [...shown.matchAll(/(?<![\w-])--(?!no-\$)([a-zA-Z][\w-]+)(?:[= ]([\w-]+))?/g)].map(
      ([, name = '', value]) => [name.replace(/^no-/, ''), value] as const,
    ),
    variables: all(/\b(WAYBILL_[A-Z_]+)\b/g),
    scripts: all(/\bnpm run ([a-z:]+)/g),
  };
}

const scripts = Object.keys((JSON.parse(text('package.json')) as { scripts: object }).scripts);
const variables = new Set([...OPTION_SPECS.keys()].map(environmentName));

function unknownIn({ commands, options, variables: named, scripts: run }: Named): string[] {
  return [
    ...commands
      .filter((name) => !([...COMMANDS, COMPLETION] as string[]).includes(name) && !NO_COMMANDS.has(name))
      .map((name) => `waybill ${name}`),
    ...options
      .filter(([name]) => !OPTION_SPECS.has(name as OptionName) && !OTHERS_OPTIONS.has(name))
      .map(([name]) => `--${name}`),
    ...named.filter(
      (name) => !variables.has(name) && !/^WAYBILL_(TEST_|DEBUG|CACHE|MONGOD|LAUNCHED)/.test(name),
    ),
    ...run.filter((name) => !scripts.includes(name)).map((name) => `npm run ${name}`),
  ];
}

it('finds what is named, and notices what does not exist', () => {
  const shown = 'Run `waybill status --bucket x`, waybill cat, --buckte, WAYBILL_BUCKTE, or npm run demos.';
  expect(unknownIn(namedIn(shown))).toEqual(['waybill cat', '--buckte', 'WAYBILL_BUCKTE', 'npm run demos']);
  const all = SOURCES.map((path) => namedIn(withoutComments(text(path))));
  expect(new Set(all.flatMap(({ commands }) => commands)).size).toBeGreaterThan(5);
  expect(new Set(all.flatMap(({ options }) => options.map(([name]) => name))).size).toBeGreaterThan(20);
});

it('names no command, option, variable or script in a message that does not exist', () => {
  const paths = SOURCES.filter((path) => !STARTS_OTHERS.test(path));
  const unknown = paths.flatMap((path) =>
    unknownIn(namedIn(withoutComments(text(path)))).map((each) => `${path}: ${each}`),
  );
  expect(unknown).toEqual([]);
});

it('names no command, variable or script in the manual that does not exist', () => {
  // docs.test.ts checks the options in the manual, which also names other programs' options.
  const unknown = PAGES.flatMap((page) =>
    unknownIn({ ...namedIn(codeIn(text(page))), options: [] }).map((each) => `${page}: ${each}`),
  );
  expect(unknown).toEqual([]);
});

it('gives an option only values that it takes', () => {
  for (const path of SOURCES) {
    for (const [name, value] of namedIn(withoutComments(text(path))).options) {
      const choices = OPTION_SPECS.get(name as OptionName)?.choices;
      if (choices && value !== undefined && !isProse(value))
        expect(choices, `${path}: --${name}`).toContain(value);
    }
  }
});

/** A word of the sentence that goes on behind an option. */
function isProse(word: string): boolean {
  return ['does', 'or', 'and', 'to', 'in', 'is', 'says', 'the', 'for', 'with', 'goes'].includes(word);
}

/** What is there to be typed: text in backticks, in fences, or indented. */
function codeIn(page: string): string {
  return [...page.matchAll(/```.*?```|`[^`\n]+`|^ {4,}.+$/gs)].map(([code]) => code).join('\n');
}
