/**
 * Memory of one size, used again. New buffers of megabytes cost twice: a page fault every 4 KiB,
 * and, since they lie outside of the engine's heap, a full collection after every few of them.
 *
 * Give a buffer back only when nobody reads or fills it any more. One that is never given back (by
 * an upload that failed, say) is left to the collector.
 */
export class BufferPool {
  /** Of a buffer, in bytes. */
  readonly size: number;
  readonly #most: number;
  readonly #free: Buffer[] = [];

  /** Keeps no more than `most` buffers that nobody uses. */
  constructor(size: number, most: number) {
    this.size = size;
    this.#most = most;
  }

  /** A buffer of at least that many bytes, with anything in it. */
  take(bytes = this.size): Buffer {
    if (bytes > this.size) return Buffer.allocUnsafeSlow(bytes);
    return this.#free.pop() ?? Buffer.allocUnsafeSlow(this.size);
  }

  give(buffer: Buffer): void {
    if (buffer.length === this.size && this.#free.length < this.#most) this.#free.push(buffer);
  }
}
