/**
 * Memory for parts of uploads, used again: buffers of megabytes that are made anew for each part
 * lie outside of the engine's heap, and every few of them make it collect all of it. What is not
 * given back (an upload that failed: somebody may still read it) is left to the collector.
 */
export class PartMemory {
  /** Of a part, in bytes. */
  readonly size: number;
  readonly #most: number;
  readonly #free: Buffer[] = [];

  /** Keeps no more than `most` parts that nobody uses. */
  constructor(size: number, most: number) {
    this.size = size;
    this.#most = most;
  }

  take(): Buffer {
    return this.#free.pop() ?? Buffer.allocUnsafeSlow(this.size);
  }

  give(part: Buffer): void {
    if (this.#free.length < this.#most) this.#free.push(part);
  }
}
