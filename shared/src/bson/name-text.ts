import { isUtf8 } from 'node:buffer';

/**
 * Returns the name of a database or collection as text. A server may hold a name that is not UTF-8.
 * Its text is then not well formed: each byte beyond ASCII becomes half a character, so that no two
 * names become one. A command cannot carry such a name: see NamespaceFilter, which refuses it.
 */
export function nameText(b: Buffer, start = 0, end = b.length): string {
  const text = b.toString('utf8', start, end);
  if (!text.includes('\ufffd') || isUtf8(b.subarray(start, end))) return text;
  const units = Array.from(b.subarray(start, end), (byte) => (byte < 0x80 ? byte : 0xdc00 + byte));
  return String.fromCharCode(...units);
}
