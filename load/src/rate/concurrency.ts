/**
 * How many batches may be under way at once: additive increase, multiplicative decrease. Pure.
 *
 * A push back halves the number. Batches that were under way then say nothing new, so they do not
 * halve it again: a burst of push backs counts once. Each full round of batches that went well
 * allows one more, up to what the operator allows.
 */
export class Concurrency {
  readonly #most: number;
  #limit: number;
  #underWay = 0;
  #wentWell = 0;
  /** Counts decreases. */
  #round = 0;
  /** Batches under way that began before the last decrease. */
  #earlier = 0;

  constructor(most: number) {
    this.#most = most;
    this.#limit = most;
  }

  get limit(): number {
    return this.#limit;
  }

  get most(): number {
    return this.#most;
  }

  hasRoom(): boolean {
    return this.#underWay < this.#limit;
  }

  /** Returns the round, for {@link end}. */
  begin(): number {
    this.#underWay++;
    return this.#round;
  }

  end(round: number, wentWell: boolean): void {
    this.#underWay--;
    if (round !== this.#round) {
      // The rounds before the last decrease are all one.
      this.#earlier = Math.max(0, this.#earlier - 1);
      return;
    }
    if (!wentWell || this.#limit === this.#most) return;
    this.#wentWell++;
    if (this.#wentWell < this.#limit) return;
    this.#limit++;
    this.#wentWell = 0;
  }

  /** False where this burst has been counted. */
  decrease(): boolean {
    this.#wentWell = 0;
    if (this.#earlier > 0) return false;
    this.#round++;
    this.#earlier = this.#underWay;
    this.#limit = Math.max(1, Math.floor(this.#limit / 2));
    return true;
  }
}
