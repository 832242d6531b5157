/** The prose of the manual wraps at 100 columns. */
import { readdirSync, readFileSync } from 'node:fs';
import { expect, it } from 'vitest';

const root = new URL('../../../', import.meta.url);
const text = (path: string): string => readFileSync(new URL(path, root), 'utf8');
const WIDTH = 100;

const PAGES = readdirSync(new URL('docs/', root), { recursive: true, encoding: 'utf8' })
  .filter((name) => name.endsWith('.md'))
  .map((name) => `docs/${name}`)
  .filter((page) => page !== 'docs/README.md')
  .concat('CONTRIBUTING.md')
  // The makers of these pages print texts of the code, a line each.
  .filter((page) => !/^This page is made from/m.test(text(page)));

/** Tables, headings, what is to be typed and a lone link cannot wrap. */
function wideLines(page: string): string[] {
  return page
    .replace(/```.*?```|<!-- figures -->.*?<!-- \/figures -->/gs, '')
    .split('\n')
    .filter((line) => line.length > WIDTH && !/^(\||#| {4}|\s*\S+$)/.test(line));
}

it('finds wide lines', () => {
  const wide = 'word '.repeat(WIDTH);
  expect(wideLines(`${wide}\nshort\n| ${wide}|\n    ${wide}\n\`\`\`\n${wide}\n\`\`\``)).toEqual([wide]);
  expect(PAGES.length).toBeGreaterThan(20);
});

it.each(PAGES)('%s has no wide lines', (page) => {
  expect(wideLines(text(page))).toEqual([]);
});
