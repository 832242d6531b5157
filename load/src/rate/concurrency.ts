/**
 * How many batches may be under way at once: additive increase, multiplicative decrease. A push
 * back halves the number, once per burst. Each full round of batches that went well allows one
 * more, up to what the operator allows. Pure.
 */
import { Bursts } from './bursts.ts';

export class Concurrency {
  readonly most: number;
  readonly #bursts = new Bursts();
  #limit: number;
  #wentWell = 0;

  constructor(most: number) {
    this.most = most;
    this.#limit = most;
  }

  get limit(): number {
    return this.#limit;
  }

  hasRoom(): boolean {
    return this.#bursts.underWay < this.#limit;
  }

  /** Returns the round, for {@link end}. */
  begin(): number {
    return this.#bursts.begin();
  }

  end(round: number, wentWell: boolean): void {
    const isOfNow = this.#bursts.end(round);
    if (!isOfNow || !wentWell || this.#limit === this.most) return;
    this.#wentWell++;
    if (this.#wentWell < this.#limit) return;
    this.#limit++;
    this.#wentWell = 0;
  }

  decrease(): void {
    this.#wentWell = 0;
    if (this.#bursts.counts()) this.#limit = Math.max(1, Math.floor(this.#limit / 2));
  }
}
