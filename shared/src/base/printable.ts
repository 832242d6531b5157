/**
 * Text that somebody else chose, a collection's name say, for a terminal or a log: nothing in it
 * moves the cursor, hides or turns round what stands beside it, or begins a line of its own.
 */

/**
 * Control characters (C0, C1, DEL), line and paragraph separators, directions of writing,
 * and halves of characters.
 */
const UNPRINTABLE = /[\p{Cc}\p{Zl}\p{Zp}\p{Bidi_Control}\p{Cs}]/gu;

/** On one line. The escapes are those of JSON, so JSON text stays JSON, and says the same. */
export function printable(text: string): string {
  return text.replace(UNPRINTABLE, (each) => `\\u${each.charCodeAt(0).toString(16).padStart(4, '0')}`);
}

/** The same, where line feeds are ours. */
export function printableLines(text: string): string {
  return text.split('\n').map(printable).join('\n');
}

/** All strings in a report, before it is rendered: what is rendered afterwards is ours alone. */
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
