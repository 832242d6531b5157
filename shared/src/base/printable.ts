/**
 * Makes text that somebody else chose, such as a collection's name, safe for a terminal or a log.
 * Nothing in it can move the cursor, hide or turn round the text beside it, or begin a line of its
 * own.
 */

/**
 * Control characters (C0, C1, DEL), line and paragraph separators, writing directions, and halves
 * of characters.
 */
const UNPRINTABLE = /[\p{Cc}\p{Zl}\p{Zp}\p{Bidi_Control}\p{Cs}]/gu;

/** Puts text on one line. The escapes are JSON's own, so JSON text stays JSON and says the same. */
export function printable(text: string): string {
  return text.replace(UNPRINTABLE, (each) => `\\u${each.charCodeAt(0).toString(16).padStart(4, '0')}`);
}

/** Does the same, but keeps line feeds: they are ours. */
export function printableLines(text: string): string {
  return text.split('\n').map(printable).join('\n');
}

/**
 * Escapes all strings in a report before it is rendered. Everything that the renderer adds is ours
 * alone.
 */
export function printableData<T>(value: T): T {
  if (typeof value === 'string') return printable(value) as T;
  if (Array.isArray(value)) return value.map(printableData) as T;
  if (value instanceof Map) {
    return new Map([...value].map(([key, each]) => [printableData(key), printableData(each)])) as T;
  }
  if (typeof value !== 'object' || value === null) return value;
  const isPlain = Object.getPrototypeOf(value) === Object.prototype;
  return isPlain
    ? (Object.fromEntries(
        Object.entries(value).map(([name, each]) => [printable(name), printableData(each)]),
      ) as T)
    : value;
}
