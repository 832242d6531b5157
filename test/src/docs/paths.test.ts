/** Every file and folder of the repository that a page names is there. */
import { existsSync, readdirSync } from 'node:fs';
import { expect, it } from 'vitest';
import { PAGES, root, text } from './manual.ts';

const TOP = readdirSync(root, { withFileTypes: true })
  .filter((entry) => entry.isDirectory() && entry.name !== 'node_modules')
  .map(({ name }) => name.replace('.', '\\.'));
const PATH = new RegExp(`\`((?:${TOP.join('|')})/[\\w./,{}-]*)\``, 'g');

const pathsIn = (page: string): string[] => [...page.matchAll(PATH)].flatMap(([, path = '']) => eachOf(path));

/** `a/{b,c}.ts` names two files. */
function eachOf(path: string): string[] {
  const [, before = '', names, after = ''] = /^(.*?)\{([^}]*)\}(.*)$/.exec(path) ?? [];
  if (names === undefined) return [path];
  return names.split(',').flatMap((name) => eachOf(`${before}${name}${after}`));
}

it('finds paths', () => {
  expect(pathsIn('See `shared/src/{no,where}.ts`, `docs/`, `/data/x` and `shared`.')).toEqual([
    'shared/src/no.ts',
    'shared/src/where.ts',
    'docs/',
  ]);
  expect(PAGES.flatMap((page) => pathsIn(text(page))).length).toBeGreaterThan(15);
});

it.each(PAGES)('%s names no file that is not there', (page) => {
  const missing = pathsIn(text(page)).filter((path) => !existsSync(new URL(path, root)));
  expect(missing).toEqual([]);
});
