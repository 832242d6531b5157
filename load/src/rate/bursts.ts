/**
 * Tells a new burst of push backs from one that is counted already. Batches that were under way at
 * the last decrease say nothing new when they are pushed back too. Pure.
 */
export class Bursts {
  #underWay = 0;
  /** Counts decreases. */
  #round = 0;
  /** Batches under way that began before the last decrease. */
  #earlier = 0;

  get underWay(): number {
    return this.#underWay;
  }

  /** Returns the round, for {@link end}. */
  begin(): number {
    this.#underWay++;
    return this.#round;
  }

  /** True for a batch that began after the last decrease. */
  end(round: number): boolean {
    this.#underWay--;
    if (round === this.#round) return true;
    if (this.#earlier > 0) this.#earlier--;
    return false;
  }

  /** A batch was pushed back. False where its burst is counted. */
  counts(): boolean {
    if (this.#earlier > 0) return false;
    this.#round++;
    this.#earlier = this.#underWay;
    return true;
  }
}
