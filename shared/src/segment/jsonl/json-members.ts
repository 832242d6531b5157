/**
 * Splits a JSON object into its members, in order. The characters of each name and value stay as
 * they are. JSON.parse would do too much: it reorders integer-like keys and drops duplicates,
 * inside the documents too. Accepts only what {@link recordToLine} writes: no white space between
 * tokens. Throws a RangeError at anything else.
 */
export function jsonMembers(line: string): Map<string, string> {
  const members = new Map<string, string>();
  let at = 0;
  const expect = (character: string): void => {
    if (line[at] !== character) throw new RangeError('a line that is not a record');
    at += 1;
  };
  expect('{');
  for (;;) {
    const nameEnd = stringEnd(line, at);
    const name = line.slice(at + 1, nameEnd - 1);
    at = nameEnd;
    expect(':');
    const end = valueEnd(line, at);
    if (end === at || members.has(name)) throw new RangeError('a line that is not a record');
    members.set(name, line.slice(at, end));
    at = end;
    if (line[at] !== ',') break;
    at += 1;
  }
  expect('}');
  if (at !== line.length) throw new RangeError('a line with text after its record');
  return members;
}

const QUOTE = 0x22;
const BACKSLASH = 0x5c;

/** Returns the offset after the string that starts at `start`. */
function stringEnd(line: string, start: number): number {
  if (line.charCodeAt(start) !== QUOTE) throw new RangeError('a line that is not a record');
  for (let at = line.indexOf('"', start + 1); at >= 0; at = line.indexOf('"', at + 1)) {
    let escapes = 0;
    while (line.charCodeAt(at - 1 - escapes) === BACKSLASH) escapes += 1;
    if (escapes % 2 === 0) return at + 1;
  }
  throw new RangeError('a line that ends within a text');
}

/**
 * Returns the offset after the value that starts at `start`. The value's own parser judges its
 * content.
 */
function valueEnd(line: string, start: number): number {
  let depth = 0;
  let at = start;
  while (at < line.length) {
    const character = line[at];
    if (character === '"') {
      at = stringEnd(line, at);
      continue;
    }
    if (character === '{' || character === '[') depth += 1;
    if (character === '}' || character === ']') depth -= 1;
    if (depth < 0 || (depth === 0 && character === ',')) return at;
    at += 1;
  }
  throw new RangeError('a line that ends within a record');
}
