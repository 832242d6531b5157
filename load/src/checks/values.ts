/** Questions about single values, asked of their bytes. */
import { nameEnd } from '@waybill/shared/bson/raw';

const TWO_32 = 2 ** 32;

export interface DateRange {
  readonly first: number;
  readonly last: number;
}

/** Beyond 2^53 the number is rounded; it stays outside. */
export function isOutOfRange(b: Buffer, start: number, { first, last }: DateRange): boolean {
  const time = b.readInt32LE(start + 4) * TWO_32 + b.readUInt32LE(start);
  return time < first || time > last;
}

/** All bits of the exponent are set. */
export function isSpecialDouble(b: Uint8Array, start: number): boolean {
  return (b[start + 7]! & 0x7f) === 0x7f && b[start + 6]! >= 0xf0;
}

/** Options as the target takes them, in another order, or unknown to it. */
export type RegexOptions = 'fine' | 'unordered' | 'unknown';

export function regexOptions(b: Uint8Array, start: number, end: number, letters: string): RegexOptions {
  let last = 0;
  let found: RegexOptions = 'fine';
  for (let i = nameEnd(b, start, end) + 1; i < end - 1; i++) {
    const letter = b[i]!;
    if (!letters.includes(String.fromCharCode(letter))) return 'unknown';
    if (letter <= last) found = 'unordered';
    last = letter;
  }
  return found;
}
