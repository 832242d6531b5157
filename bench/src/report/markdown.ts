/** The table of figures as docs/benchmarks.md shows it. */
import type { Judged } from './measure.ts';
import { REPORT_HEAD, reportRow } from './print.ts';

/** The place and the way in which the figures were taken. */
export interface Circumstances {
  /** ISO 8601. */
  readonly at: string;
  readonly machine: {
    readonly processors: number;
    readonly model: string | undefined;
    readonly memoryBytes: number;
  };
  readonly node: string;
  readonly documents: number;
  readonly rounds: number;
}

const START = '<!-- figures -->';
const END = '<!-- /figures -->';

export function renderFigures(
  { at, machine, node, documents, rounds }: Circumstances,
  measures: readonly Judged[],
): string {
  const { processors, model = 'unknown processor', memoryBytes } = machine;
  const memory = Math.round(memoryBytes / 1024 ** 3);
  const rows = [[...REPORT_HEAD], REPORT_HEAD.map(() => '---'), ...measures.map(reportRow)];
  return [
    `Taken ${at.slice(0, 10)}: ${processors} processors (${model}), ${memory} GiB of memory, Node ${node.slice(1)},`,
    `${documents} documents, median of ${rounds} rounds.`,
    '',
    ...rows.map((cells) => `| ${cells.map((cell) => cell.replaceAll('|', '\\|')).join(' | ')} |`),
  ].join('\n');
}

/** Returns the page with new text between its two marks. Throws if the marks are missing. */
export function withFigures(page: string, figures: string): string {
  const start = page.indexOf(START);
  const end = page.indexOf(END, start);
  if (start < 0 || end < 0) throw new Error(`the page has no ${START} … ${END} to put the figures between`);
  return `${page.slice(0, start + START.length)}\n${figures}\n${page.slice(end)}`;
}
