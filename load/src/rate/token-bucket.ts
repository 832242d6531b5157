/**
 * A limit of so much a second, with a burst of one batch: a batch goes if those before it are paid
 * for, and then has to be paid for itself. So in any time the sum of what went is at most the rate
 * times the time, and one batch. Nothing is saved up while nothing is sent. Pure.
 */
export class TokenBucket {
  #perSecond: number | null;
  /** Not paid for at {@link #at}. */
  #debt = 0;
  #at = 0;

  constructor(perSecond: number | null) {
    this.#perSecond = perSecond;
  }

  get perSecond(): number | null {
    return this.#perSecond;
  }

  /** Milliseconds until the next batch may go; 0: now. */
  delayMs(now: number): number {
    if (this.#perSecond === null) return 0;
    this.#pay(now);
    return (this.#debt / this.#perSecond) * 1000;
  }

  take(amount: number, now: number): void {
    if (this.#perSecond === null) return;
    this.#pay(now);
    this.#debt += amount;
  }

  /** What is not paid for yet is paid for at the new rate. */
  setRate(perSecond: number | null, now: number): void {
    this.#pay(now);
    this.#perSecond = perSecond;
    if (perSecond === null) this.#debt = 0;
  }

  #pay(now: number): void {
    const paid = ((now - this.#at) / 1000) * (this.#perSecond ?? 0);
    this.#at = now;
    const left = this.#debt - paid;
    // Less than this is rounding.
    this.#debt = left < 1e-6 ? 0 : left;
  }
}
