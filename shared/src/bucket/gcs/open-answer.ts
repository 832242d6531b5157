import type { Readable } from 'node:stream';
import { abortable } from '../../base/lifecycle.ts';
import { type Asked, brokenAnswer, noAnswer } from './error.ts';
import type { IdleAbort } from './idle-abort.ts';

/** No answer that is held whole is larger: a page of a list is less than 2 MiB. */
const ANSWER_BYTES = 16 * 1024 * 1024;

export interface Exchange {
  readonly status: number;
  readonly headers: Headers;
  readonly body: Readable | string | null;
}

/**
 * An answer whose body comes piece by piece. Only waits for the peer count against the time limit.
 */
export class OpenAnswer implements Disposable {
  readonly status: number;
  readonly #headers: Headers;
  readonly #body: Readable | null;
  readonly #idle: IdleAbort;
  readonly #asked: Asked;

  constructor({ status, headers, body }: Exchange, idle: IdleAbort, asked: Asked) {
    this.status = status;
    this.#headers = headers;
    this.#body = typeof body === 'string' ? null : body;
    this.#idle = idle;
    this.#asked = asked;
    // An answer that is given up half-read fails once more, with nobody there to hear it.
    this.#body?.on('error', () => undefined);
  }

  get isSuccess(): boolean {
    return this.status >= 200 && this.status < 300;
  }

  header(name: string): string | null {
    return this.#headers.get(name);
  }

  async *pieces(): AsyncGenerator<Buffer> {
    if (!this.#body) return;
    const iterator: AsyncIterator<Buffer> = this.#body[Symbol.asyncIterator]();
    try {
      for (;;) {
        this.#idle.wait();
        const step = await abortable(iterator.next(), this.#idle.signal);
        this.#idle.rest();
        if (step.done) return;
        yield step.value;
      }
    } catch (error) {
      throw noAnswer(error, this.#asked);
    }
  }

  async text(): Promise<string> {
    const pieces: Buffer[] = [];
    let bytes = 0;
    for await (const piece of this.pieces()) {
      pieces.push(piece);
      bytes += piece.length;
      if (bytes > ANSWER_BYTES)
        throw brokenAnswer('the answer is larger than any that is right', this.#asked);
    }
    return Buffer.concat(pieces).toString();
  }

  [Symbol.dispose](): void {
    this.#idle[Symbol.dispose]();
  }
}
