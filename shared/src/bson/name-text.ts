import { isUtf8 } from 'node:buffer';

/**
 * The name of a database or collection. A server may hold one that is no UTF-8: it then comes out
 * not well formed, with each byte beyond ASCII as half a character, so that no two names become
 * one. Nobody can be told such a name in a command: see NamespaceFilter, which refuses it.
 */
export function nameText(b: Buffer, start = 0, end = b.length): string {
  const text = b.toString('utf8', start, end);
  if (!text.includes('\ufffd') || isUtf8(b.subarray(start, end))) return text;
  const units = Array.from(b.subarray(start, end), (byte) => (byte < 0x80 ? byte : 0xdc00 + byte));
  return String.fromCharCode(...units);
}
