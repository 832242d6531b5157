/** What a test makes hard for the writers of a stand-in, while it runs. */
import { setTimeout as sleep } from 'node:timers/promises';

export class Strain {
  /** Documents that it writes a second; more are pushed back. Null: as many as come. */
  documentsPerSecond: number | null = null;
  /** More documents than it writes now fail their command, or are refused one by one. */
  pushesBack: 'commands' | 'statements' = 'commands';
  /** A write of more statements takes too long. Null: none does. */
  statementsInTime: number | null = null;
  /** Milliseconds that each write takes longer. */
  delayMs = 0;
  /** So many of the next writes are done and not answered: the connection is reset. */
  resets = 0;

  /** Transactions that are open expire. */
  transactionsExpire = false;

  #tokens = 0;
  #filledAt = performance.now();

  /** How many of these documents may be written now. */
  room(documents: number): number {
    const { documentsPerSecond: most } = this;
    if (most === null) return documents;
    const now = performance.now();
    this.#tokens = Math.min(most, this.#tokens + ((now - this.#filledAt) / 1000) * most);
    this.#filledAt = now;
    const taken = Math.min(documents, Math.floor(this.#tokens));
    const isEnough = taken === documents || (this.pushesBack === 'statements' && taken > 0);
    if (!isEnough) return 0;
    this.#tokens -= taken;
    return taken;
  }

  isTooLate(statements: number): boolean {
    return this.statementsInTime !== null && statements > this.statementsInTime;
  }

  async wait(): Promise<void> {
    if (this.delayMs > 0) await sleep(this.delayMs);
  }

  losesAnswer(): boolean {
    if (this.resets === 0) return false;
    this.resets--;
    return true;
  }
}
