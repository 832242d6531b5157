/**
 * The pages that somebody reads first: the FAQ answers what users ask, every error code and figure
 * exists, and editors do what the formatter does.
 */
import { expect, it } from 'vitest';
import { text } from './manual.ts';

const all = (page: string, pattern: RegExp): string[] =>
  [...page.matchAll(pattern)].map(([, found = '']) => found);

/** What users of such tools ask everywhere. Each is one heading of the FAQ. */
const QUESTIONS: readonly (readonly [asked: string, heading: RegExp])[] = [
  ['how long for 2 TB, on what machine', /2 TB.*machine/],
  ['how long writes stop, comparison before', /writes stop.*comparison/],
  ['ports, TLS, X.509, private links', /ports.*TLS.*X\.509.*private links/],
  ['Atlas by tier', /Atlas.*tier/],
  ['when Firestore, what will not fit', /Firestore.*not fit/],
  ['oplog time left', /oplog time left/],
  ['add or copy again one collection', /add one collection.*copy one again/],
  ['mistyped --include', /mistyped --include/],
  ['repair one document', /repair one document/],
  ['read or write the target before', /read or write the target before/],
  ['go back afterwards', /go back after/],
  ['upgrade in mid-stream', /upgrade in mid-stream/],
  ['systemd, Kubernetes, restarts', /systemd or Kubernetes.*restart/],
  ["erase a person's data", /erase a person's data/],
  ['delete the bucket when', /When may I delete the bucket/],
  ['an auditor', /give an auditor/],
  ['the progress database', /progress database go/],
];

const faq = text('docs/faq.md');
const headings = all(faq, /^## (.+)$/gm);

it.each(QUESTIONS)('answers in the FAQ: %s', (_asked, heading) => {
  expect(headings.filter((each) => heading.test(each))).toHaveLength(1);
});

it('lists every question of the FAQ at its head, and answers each with more than a line', () => {
  const listed = all(faq, /\]\(#([^)]+)\)/g);
  expect(headings).toHaveLength(QUESTIONS.length);
  for (const heading of headings) {
    const anchor = heading
      .toLowerCase()
      .replace(/[^a-z0-9 _-]/g, '')
      .replaceAll(' ', '-');
    expect(listed, heading).toContain(anchor);
    const from = faq.indexOf(`## ${heading}\n`) + heading.length + 4;
    const next = faq.indexOf('\n## ', from);
    expect(faq.slice(from, next < 0 ? undefined : next).trim().length, heading).toBeGreaterThan(150);
  }
});

it('names only error codes that exist in troubleshooting, and leaves out few', () => {
  const known = all(text('docs/error-codes.md'), /^\| `([A-Z_]+)`/gm);
  const named = new Set(all(text('docs/troubleshooting.md'), /`([A-Z]+(?:_[A-Z]+)+|INTERNAL)`/g));
  const others = new Set(['ECONNREFUSED', 'EBADENGINE', 'WAYBILL_MONGOD']);
  expect(known.length).toBeGreaterThan(50);
  for (const code of named) if (!others.has(code)) expect(known, code).toContain(code);
  // Their messages say all that there is to say.
  const unnamed = known.filter((code) => !named.has(code));
  expect(unnamed).toEqual([
    'INTERRUPTED',
    'BUCKET_OBJECT_EXISTS',
    'BUCKET_OBJECT_MISSING',
    'BUCKET_RANGE_INVALID',
    'BUCKET_KEY_INVALID',
    'MONGO_TRANSIENT',
    'MONGO_COMMAND_FAILED',
    'DOCUMENT_INVALID',
  ]);
});

it('shows figures in the README as the table of the benchmarks has them', () => {
  const rows = tableRows(section(text('README.md'), 'Figures'));
  const measured = tableRows(section(text('docs/benchmarks.md'), 'Figures'));
  expect(rows.length).toBeGreaterThan(5);
  for (const [measure = '', ...shown] of rows) {
    const row = measured.find(([name = '']) => name.startsWith(measure));
    expect(row, measure).toBeDefined();
    for (const figure of shown.slice(0, 2)) if (figure !== '') expect(row, measure).toContain(figure);
  }
});

it('restarts a service on every exit code but those that a restart cannot mend', () => {
  const exits = new Set(all(section(text('docs/error-codes.md'), 'Exit codes'), /^\| (\d+) \|/gm));
  const mended = ['0', '1', '130'];
  const lasting = [...exits].filter((exit) => !mended.includes(exit));
  expect(lasting.length).toBeGreaterThan(3);
  expect(faq).toContain(`RestartPreventExitStatus=${lasting.join(' ')}`);
  expect(faq).toContain(`values: [${lasting.join(', ')}]`);
});

it('gives editors what the formatter does', () => {
  const { formatter } = JSON.parse(text('biome.json')) as {
    formatter: { indentStyle: string; indentWidth: number; lineWidth: number };
  };
  const editor = text('.editorconfig');
  expect(editor).toContain(`indent_style = ${formatter.indentStyle}`);
  expect(editor).toContain(`indent_size = ${formatter.indentWidth}`);
  expect(editor).toContain(`max_line_length = ${formatter.lineWidth}`);
});

function section(page: string, title: string): string {
  const from = page.indexOf(`## ${title}\n`);
  const next = page.indexOf('\n## ', from);
  return page.slice(from, next);
}

/** The cells of every line but the head and the rule below it. */
function tableRows(page: string): string[][] {
  const rows = page.split('\n').filter((line) => line.startsWith('|'));
  const cells = rows.map((line) =>
    line
      .split('|')
      .slice(1, -1)
      .map((cell) => cell.trim()),
  );
  return cells.filter(([first = ''], at) => !/^-+$/.test(first) && !/^-+$/.test(cells[at + 1]?.[0] ?? ''));
}
