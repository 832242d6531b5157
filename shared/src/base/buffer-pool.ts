/**
 * Memory of one size, used again. New buffers of megabytes cost twice. Each causes a page fault
 * every 4 KiB. They lie outside the engine's heap, so the engine does a full collection after every
 * few of them.
 *
 * Give a buffer back only when nobody reads or fills it any more. The collector takes a buffer that
 * is never given back, after a failed upload for example.
 */
export class BufferPool {
  /** The size of a buffer, in bytes. */
  readonly size: number;
  readonly #most: number;
  readonly #free: Buffer[] = [];

  /** Keeps at most `most` unused buffers. */
  constructor(size: number, most: number) {
    this.size = size;
    this.#most = most;
  }

  /** Returns a buffer of at least `bytes` bytes, with any content. */
  take(bytes = this.size): Buffer {
    if (bytes > this.size) return Buffer.allocUnsafeSlow(bytes);
    return this.#free.pop() ?? Buffer.allocUnsafeSlow(this.size);
  }

  give(buffer: Buffer): void {
    if (buffer.length === this.size && this.#free.length < this.#most) this.#free.push(buffer);
  }
}
