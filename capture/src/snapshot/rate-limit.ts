import { sleep } from '@waybill/shared/base/lifecycle';

/** A ceiling on bytes a second, shared by all readers. */
export class RateLimit {
  readonly #bytesPerMs: number | null;
  /** When everything taken so far has been paid for. */
  #paidAt = 0;

  constructor(bytesPerSecond: number | null) {
    this.#bytesPerMs = bytesPerSecond === null ? null : bytesPerSecond / 1000;
  }

  /**
   * Waits until these bytes fit under the ceiling. They have been read already, so they delay the
   * next ones.
   */
  async take(bytes: number, signal: AbortSignal): Promise<void> {
    if (this.#bytesPerMs === null) return;
    const now = performance.now();
    const waitMs = this.#paidAt - now;
    this.#paidAt = Math.max(this.#paidAt, now) + bytes / this.#bytesPerMs;
    if (waitMs > 0) await sleep(waitMs, signal);
  }
}
