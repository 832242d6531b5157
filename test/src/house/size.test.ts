import { expect, it } from 'vitest';
import { LONG_FILES, LONG_FUNCTIONS } from './exceptions.ts';
import { nameOf, SOURCES, textOf } from './source.ts';
import { commentLinesOf, functionsOf } from './syntax.ts';

const LINES_OF_FILE = 300;
const LINES_OF_FUNCTION = 60;
const COLUMNS_OF_COMMENT = 100;

type Lines = readonly [name: string, lines: number];

/** What is longer than it may be, than the exceptions say, or no longer an exception. */
function wrong(
  found: readonly Lines[],
  most: number,
  exceptions: Readonly<Record<string, number>>,
): string[] {
  const long = new Map(found.filter(([, lines]) => lines > most));
  const tooLong = [...long].filter(([name, lines]) => lines > (exceptions[name] ?? most));
  const stale = Object.keys(exceptions).filter((name) => !long.has(name));
  return [
    ...tooLong.map(([name, lines]) => `${name} has ${lines} lines`),
    ...stale.map((name) => `${name} is no exception any more: take it out of exceptions.ts`),
  ];
}

it('notices what is too long, and an exception that is none', () => {
  const found = [
    ['a', 7],
    ['b', 12],
    ['c', 15],
    ['d', 11],
  ] as const;
  expect(wrong(found, 10, { b: 12, c: 14, e: 20 })).toEqual([
    'c has 15 lines',
    'd has 11 lines',
    'e is no exception any more: take it out of exceptions.ts',
  ]);
});

it('files are short, but for those that exceptions.ts names', () => {
  const files = SOURCES.map(({ path, text }): Lines => [nameOf(path), text.split('\n').length - 1]);
  expect(wrong(files, LINES_OF_FILE, LONG_FILES)).toEqual([]);
});

it('functions can be seen whole, but for those that exceptions.ts names', () => {
  const functions = SOURCES.filter(({ path }) => !/\.i?test\.ts$/.test(path)).flatMap(
    ({ program, path, text }) =>
      functionsOf(program, text).map(({ name, lines }): Lines => [`${nameOf(path)}#${name}`, lines]),
  );
  expect(functions.length).toBeGreaterThan(2000);
  expect(wrong(functions, LINES_OF_FUNCTION, LONG_FUNCTIONS)).toEqual([]);
});

it('comments are narrow enough to be read', () => {
  const wide = SOURCES.flatMap(({ path, program, text }) =>
    commentLinesOf(program, text)
      .filter((comment) => comment.text.length > COLUMNS_OF_COMMENT)
      .map(({ line }) => `${path}:${line}`),
  );
  const scripts = ['.ci/run', 'vitest.config.ts'].flatMap((path) =>
    textOf(path)
      .split('\n')
      .filter((line) => /^\s*(#|\/\/)/.test(line) && line.length > COLUMNS_OF_COMMENT)
      .map((line) => `${path}: ${line}`),
  );
  expect([...wide, ...scripts]).toEqual([]);
});
