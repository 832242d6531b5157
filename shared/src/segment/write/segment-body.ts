import { createHash, type Hash } from 'node:crypto';
import { setImmediate } from 'node:timers/promises';
import { IN_FLIGHT_BYTES } from '../limits.ts';

interface Piece {
  readonly weight: number;
  readonly bytes: Promise<Buffer>;
}

/**
 * The bytes of one segment on their way to the bucket. It holds pieces in file order that are still
 * being compressed. Their weight (raw bytes) is bounded: `room` waits while the consumer or the
 * compression is behind. There is one consumer.
 */
export class SegmentBody implements AsyncIterable<Buffer> {
  readonly #pieces: Piece[] = [];
  readonly #hash: Hash = createHash('sha256');
  #weight = 0;
  #bytes = 0;
  /** Settles when every piece so far has been hashed, in file order. */
  #hashed: Promise<unknown> = Promise.resolve();
  #ended = false;
  #failure: { readonly reason: unknown } | null = null;
  #change = Promise.withResolvers<void>();

  /** Waits until a piece of that weight may be pushed. Lets the event loop turn once. */
  async room(weight: number): Promise<void> {
    // This happens once a block: a caller that appends without pause must not keep timers and
    // sockets waiting.
    await setImmediate();
    while (this.#failure === null && this.#weight > 0 && this.#weight + weight > IN_FLIGHT_BYTES) {
      await this.#change.promise;
    }
    if (this.#failure !== null) throw this.#failure.reason;
  }

  push(weight: number, compressed: Promise<Buffer>): void {
    const bytes = Promise.all([compressed, this.#hashed]).then(([piece]) => {
      this.#hash.update(piece);
      this.#bytes += piece.length;
      return piece;
    });
    this.#hashed = bytes;
    bytes.catch((error: unknown) => this.fail(error));
    this.#weight += weight;
    this.#pieces.push({ weight, bytes });
    this.#changed();
  }

  /**
   * Ends the body: no more pieces follow. Returns the size and SHA-256 (hex) of the whole, as soon
   * as all is compressed.
   */
  async end(): Promise<{ bytes: number; sha256: string }> {
    this.#ended = true;
    this.#changed();
    await this.#hashed;
    if (this.#failure !== null) throw this.#failure.reason;
    return { bytes: this.#bytes, sha256: this.#hash.digest('hex') };
  }

  /** Makes the consumer and every waiting call reject with the reason. The first reason counts. */
  fail(reason: unknown): void {
    this.#failure ??= { reason };
    this.#changed();
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<Buffer, void, undefined> {
    try {
      for (;;) {
        if (this.#failure !== null) throw this.#failure.reason;
        const piece = this.#pieces[0];
        if (piece !== undefined) {
          yield await piece.bytes;
          // The consumer has come back for more, so it is done with this one.
          this.#pieces.shift();
          this.#weight -= piece.weight;
          this.#changed();
        } else if (this.#ended) {
          return;
        } else {
          await this.#change.promise;
        }
      }
    } finally {
      if (!this.#ended || this.#pieces.length > 0) {
        this.fail(new Error('The consumer of the segment stopped before its end.'));
      }
    }
  }

  #changed(): void {
    this.#change.resolve();
    this.#change = Promise.withResolvers<void>();
  }
}
