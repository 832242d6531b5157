/** Every file and folder of the repository that a page names is there. */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { expect, it } from 'vitest';

const root = new URL('../../../', import.meta.url);

/** Decisions tell what was so when they were made. */
const PAGES = readdirSync(new URL('docs/', root), { recursive: true, encoding: 'utf8' })
  .filter((name) => name.endsWith('.md') && !name.startsWith('decisions'))
  .map((name) => `docs/${name}`)
  .concat('README.md', 'CONTRIBUTING.md');

const TOP = readdirSync(root, { withFileTypes: true })
  .filter((entry) => entry.isDirectory() && entry.name !== 'node_modules')
  .map(({ name }) => name.replace('.', '\\.'));
const PATH = new RegExp(`\`((?:${TOP.join('|')})/[\\w./-]*)\``, 'g');

const pathsIn = (page: string): string[] => [...page.matchAll(PATH)].map(([, path = '']) => path);

it('finds paths', () => {
  expect(pathsIn('See `shared/src/nowhere.ts`, `docs/`, `/data/x` and `shared`.')).toEqual([
    'shared/src/nowhere.ts',
    'docs/',
  ]);
  expect(PAGES.flatMap((page) => pathsIn(readFileSync(new URL(page, root), 'utf8'))).length).toBeGreaterThan(
    5,
  );
});

it.each(PAGES)('%s names no file that is not there', (page) => {
  const missing = pathsIn(readFileSync(new URL(page, root), 'utf8')).filter(
    (path) => !existsSync(new URL(path, root)),
  );
  expect(missing).toEqual([]);
});
