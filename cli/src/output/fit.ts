/** Lines for terminals of any width. */

/**
 * Returns the first line that fits, or the last line if none does. Pass the fullest line first. A
 * line's parts stand two spaces apart.
 */
export function firstThatFits(columns: number, lines: readonly (readonly string[])[]): string {
  const joined = lines.map((parts) => parts.join('  '));
  return joined.find((line) => line.length <= columns) ?? joined.at(-1) ?? '';
}
