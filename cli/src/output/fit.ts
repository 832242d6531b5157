/** Lines for terminals of any width. */

/**
 * The first of these lines, fullest first, that fits; the last where none does. Their
 * parts stand two spaces apart.
 */
export function firstThatFits(columns: number, lines: readonly (readonly string[])[]): string {
  const joined = lines.map((parts) => parts.join('  '));
  return joined.find((line) => line.length <= columns) ?? joined.at(-1) ?? '';
}
