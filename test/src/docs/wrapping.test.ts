/** The prose of the manual wraps at 100 columns. */
import { expect, it } from 'vitest';
import { PAGES as ALL, text } from './manual.ts';

const WIDTH = 100;

// The makers of some pages print texts of the code, a line each.
const PAGES = ALL.filter((page) => !/^This page is made from/m.test(text(page)));

/** Tables, headings, pictures, what is to be typed and a lone link cannot wrap. */
function wideLines(page: string): string[] {
  return page
    .replace(/```.*?```|<!-- figures -->.*?<!-- \/figures -->/gs, '')
    .split('\n')
    .filter((line) => line.length > WIDTH && !/^(\||#|!| {4}|\s*\S+$)/.test(line));
}

it('finds wide lines', () => {
  const wide = 'word '.repeat(WIDTH);
  expect(wideLines(`${wide}\nshort\n| ${wide}|\n    ${wide}\n\`\`\`\n${wide}\n\`\`\``)).toEqual([wide]);
  expect(PAGES.length).toBeGreaterThan(20);
});

it.each(PAGES)('%s has no wide lines', (page) => {
  expect(wideLines(text(page))).toEqual([]);
});
