/**
 * A strict reader of JSON tokens (RFC 8259). JSON.parse would reorder integer-like names and drop
 * repeated ones. The reader throws DOCUMENT_INVALID for all that it refuses.
 */
import { invalidDocument } from './raw.ts';

const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const NUMBER = /-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?/y;

export class JsonText {
  readonly #text: string;
  #at = 0;

  constructor(text: string) {
    if (!text.isWellFormed()) throw invalidDocument('its text has half a character');
    this.#text = text;
  }

  /**
   * Skips white space. Returns the next character without taking it, or an empty text at the end.
   */
  peek(): string {
    while (isSpace(this.#text.charCodeAt(this.#at))) this.#at++;
    return this.#text.charAt(this.#at);
  }

  /** Takes the next character if it is `character`. */
  take(character: string): boolean {
    if (this.peek() !== character) return false;
    this.#at++;
    return true;
  }

  expect(character: string): void {
    if (!this.take(character)) throw this.#refuse(`expected ${character}`);
  }

  end(): void {
    if (this.peek() !== '') throw this.#refuse('text after the end');
  }

  literal(word: string): void {
    this.peek();
    if (!this.#text.startsWith(word, this.#at)) throw this.#refuse('a word that JSON does not have');
    this.#at += word.length;
  }

  string(): string {
    this.expect('"');
    const start = this.#at;
    let at = start;
    let escaped = false;
    for (;;) {
      const unit = this.#text.charCodeAt(at);
      if (unit === QUOTE) break;
      // At the end of the text `unit` is NaN, which this test refuses too.
      if (!(unit >= 0x20)) throw this.#refuse('a string that does not end, or holds a control character');
      if (unit === BACKSLASH) {
        escaped = true;
        at++;
      }
      at++;
    }
    this.#at = at + 1;
    return escaped ? this.#unescape(start - 1, at + 1) : this.#text.slice(start, at);
  }

  #unescape(start: number, end: number): string {
    let text: unknown;
    try {
      text = JSON.parse(this.#text.slice(start, end));
    } catch {
      throw this.#refuse('an escape that JSON does not have');
    }
    if (typeof text !== 'string' || !text.isWellFormed())
      throw this.#refuse('an escape for half a character');
    return text;
  }

  /** Takes a number and returns its text unchanged. */
  number(): string {
    this.peek();
    NUMBER.lastIndex = this.#at;
    const text = NUMBER.exec(this.#text)?.[0];
    if (text === undefined) throw this.#refuse('expected a value');
    this.#at += text.length;
    return text;
  }

  #refuse(reason: string): Error {
    return invalidDocument(`its Extended JSON has ${reason} at character ${this.#at}`);
  }
}

function isSpace(unit: number): boolean {
  return unit === 0x20 || unit === 0x0a || unit === 0x0d || unit === 0x09;
}
