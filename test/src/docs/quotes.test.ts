/**
 * What the manual quotes of a message is what the code says: in tables, a text in quotes that
 * stands beside an error code. Three dots stand for what a message fills in.
 */
import { readdirSync, readFileSync } from 'node:fs';
import { expect, it } from 'vitest';

const root = new URL('../../../', import.meta.url);
const text = (path: string): string => readFileSync(new URL(path, root), 'utf8');

const PAGES = readdirSync(new URL('docs/', root), { encoding: 'utf8' })
  .filter((name) => name.endsWith('.md'))
  .map((name) => `docs/${name}`);
const CODE = ['shared', 'capture', 'load', 'audit', 'console', 'cli']
  .flatMap((workspace) =>
    readdirSync(new URL(`${workspace}/src/`, root), { recursive: true, encoding: 'utf8' })
      .filter((name) => name.endsWith('.ts') && !/\.i?test\.ts$/.test(name))
      .map((name) => text(`${workspace}/src/${name}`)),
  )
  .join('\n');

/** Of the first cell of a row, the quotes after a code. */
function quotesIn(page: string): string[] {
  const cells = [...page.matchAll(/^\| (`[A-Z]+_[A-Z_]+`[^|]*) \|/gm)].map(([, cell = '']) => cell);
  return cells.flatMap((cell) => [...cell.matchAll(/"([^"]+)"/g)].map(([, quote = '']) => quote));
}

const isSaid = (quote: string): boolean => quote.split('…').every((part) => CODE.includes(part.trim()));

it('finds quotes, and notices what no message says', () => {
  expect(quotesIn('| `A_B`, "one … two" or "three" | x |\n| `A_B` | "four" |')).toEqual([
    'one … two',
    'three',
  ]);
  expect(isSaid('the source was written to … after a purple moon')).toBe(false);
  expect(PAGES.flatMap((page) => quotesIn(text(page))).length).toBeGreaterThan(8);
});

it.each(PAGES)('%s quotes messages as they are', (page) => {
  expect(quotesIn(text(page)).filter((quote) => !isSaid(quote))).toEqual([]);
});
