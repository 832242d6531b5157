/** The speed of a counter over the last few samples. */

const WINDOW_MS = 10_000;

export class RateMeter {
  readonly #samples: { readonly at: number; readonly value: number }[] = [];

  /** `at` is in milliseconds of a clock that does not step back. */
  add(at: number, value: number): void {
    this.#samples.push({ at, value });
    while (this.#samples.length > 2 && at - this.#samples[1]!.at >= WINDOW_MS) this.#samples.shift();
  }

  perSecond(): number {
    const first = this.#samples[0];
    const last = this.#samples.at(-1);
    if (!first || !last || last.at <= first.at) return 0;
    return Math.max(0, ((last.value - first.value) / (last.at - first.at)) * 1000);
  }
}
