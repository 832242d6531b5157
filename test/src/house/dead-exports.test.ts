import { expect, it } from 'vitest';
import { fileOf, SOURCES, type Source } from './source.ts';
import { namesUsedIn } from './syntax.ts';

/** What programs of others import: the two halves. */
const FRONT_DOORS = new Set(['capture/src/capture.ts', 'load/src/load.ts']);
/** What vitest.config.ts names by its path. */
const OF_THE_RUNNER = new Set(['test/src/support/reporter.ts', 'test/src/support/lending/setup.ts']);

/** Who takes each export: `path#name` to whether anything but a test does. */
function takers(): Map<string, boolean> {
  const taken = new Map<string, boolean>();
  for (const source of SOURCES) {
    for (const { specifier, names } of source.imports) {
      const file = fileOf(source, specifier);
      for (const name of names) {
        const key = `${file}#${name}`;
        taken.set(key, taken.get(key) === true || !source.isTest);
      }
    }
  }
  return taken;
}

/** Lives by the tests. The demo's servers are the tests' and the measurements' as well. */
function isHelper({ isTest, path }: Source): boolean {
  return isTest || path.startsWith('demo/src/servers/');
}

it('nothing is exported that nobody needs', () => {
  const taken = takers();
  const dead = SOURCES.filter(({ path }) => !FRONT_DOORS.has(path) && !OF_THE_RUNNER.has(path)).flatMap(
    (source) => {
      const used = namesUsedIn(source.program);
      return source.exports
        .filter(({ name, isType }) => {
          const by = [taken.get(`${source.path}#${name}`), taken.get(`${source.path}#*`)];
          const isTaken = by.some((each) => each !== undefined);
          // What its own file uses may be exported for its unit test, and a type as part of what
          // the file's functions take and give.
          if (used.has(name)) return !isType && !isTaken;
          return !(isHelper(source) ? isTaken : by.includes(true));
        })
        .map(({ name }) => `${source.path}#${name}`);
    },
  );
  expect(dead).toEqual([]);
});
