/** Works out how much of a status fits a terminal. Pure. */
import { stripVTControlCharacters } from 'node:util';

/** The size of a terminal; without bounds if nothing is redrawn. */
export interface Room {
  readonly rows: number;
  readonly columns: number;
}

export const ALL_ROOM: Room = { rows: Number.POSITIVE_INFINITY, columns: Number.POSITIVE_INFINITY };

/**
 * A stream may have thousands of collections. The biggest unfinished ones come first; the rest is
 * only counted.
 */
const MOST_COLLECTIONS = 40;
const MOST_MILESTONES = 30;
/** Rows above a table: a blank line and its head. */
const TABLE_ROWS = 2;
/** The fewest rows of either table, while there is room for anything. */
const FEWEST = 2;

/**
 * How many rows of each table fit below the top. Milestones get a third, and what collections leave
 * over.
 */
export function rowsFor(
  { rows, columns }: Room,
  top: readonly string[],
  collections: number,
  milestones: number,
): { readonly collections: number; readonly milestones: number } {
  const wanted = {
    collections: Math.min(collections, MOST_COLLECTIONS),
    milestones: Math.min(milestones, MOST_MILESTONES),
  };
  if (rows === Number.POSITIVE_INFINITY) return wanted;
  const used = top.flatMap((line) => line.split('\n')).reduce((sum, line) => sum + height(line, columns), 0);
  // Leave room for the line of the cursor, both heads, and the line that counts the collections
  // left out.
  const free = Math.max(0, rows - used - 1 - 2 * TABLE_ROWS - 1);
  const third = Math.min(wanted.milestones, Math.max(FEWEST, Math.floor(free / 3)));
  const some = Math.min(wanted.collections, Math.max(FEWEST, free - third));
  return { collections: some, milestones: Math.min(wanted.milestones, Math.max(FEWEST, free - some)) };
}

/** Leaves out the lowest lines, if even short tables are too much. */
export function cutToFit(text: string, { rows, columns }: Room): string {
  const lines = text.split('\n');
  let [used, kept] = [0, 0];
  while (kept < lines.length && used + height(lines[kept]!, columns) < rows)
    used += height(lines[kept++]!, columns);
  return lines.slice(0, kept).join('\n');
}

/** Rows that a line takes on the screen. */
function height(line: string, columns: number): number {
  return Math.max(1, Math.ceil(stripVTControlCharacters(line).length / columns));
}
