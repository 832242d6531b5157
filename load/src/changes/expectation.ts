import type { WriteScope } from '../apply/batch.ts';

/**
 * Runs without an expectation after it failed: a repeated piece of the stream is as long as a
 * window.
 */
const RUNS_WITHOUT = 64;

/**
 * What the stream lets us expect of the target: an inserted document is new, a changed one stands
 * there. Writes that rely on it cost a server half. It is wrong where the snapshot was ahead of the
 * stream, or where a window is repeated after a crash. A wrong guess costs time and nothing else.
 */
export class Expectation {
  readonly #mostWrong: number;
  /** Runs to go without, by namespace. */
  readonly #without = new Map<string, number>();

  /**
   * @param mostWrong the share of a batch's writes that may be wrong before the plain way is
   * cheaper
   */
  constructor(mostWrong: number) {
    this.#mostWrong = mostWrong;
  }

  /** Whether to rely on it. Asked once for each run. */
  holds({ namespace, keepsOrder }: WriteScope): boolean {
    if (keepsOrder) return false;
    const left = this.#without.get(namespace) ?? 0;
    if (left === 0) return true;
    if (left === 1) this.#without.delete(namespace);
    else this.#without.set(namespace, left - 1);
    return false;
  }

  learn({ namespace }: WriteScope, writes: number, wrong: number): void {
    if (wrong > writes * this.#mostWrong) this.#without.set(namespace, RUNS_WITHOUT);
  }
}
