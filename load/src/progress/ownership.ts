/**
 * Who may write this load into the target (INV-4; decision 0004). The load's own log gave the
 * epoch. Three fences stand on the target:
 *
 *   old owner  ── confirms, every confirmMs ──► confirmation fails: stops
 *                    │ raise   │ batches refused    │ lease over, or released: sends nothing new
 *   new owner  ──────┴─────────┴─ shut out ── wait ─┴─ $currentOp has no older epochs
 *                                                      ── raise lanes ── read cursors
 *
 * 1. The owner document holds the epoch. An owner sends only while its last successful confirmation
 *    *began* less than leaseMs ago, by its monotonic clock. The confirmation is a majority write
 *    filtered on the epoch, so it cannot succeed after the raise.
 * 2. The server refuses batches of an owner that was shut out, whenever they arrive: also a batch
 *    that passed rule 1 in a process that was then suspended, and sent it when it woke up. Not
 *    every server can: {@link LoadTarget.shutOut}.
 * 3. Everything else (changes of structure; all batches where the server cannot follow rule 2) has
 *    ended by leaseMs after the raise, and a margin for bytes under way. `$currentOp` shows what
 *    the server still runs then, by the epoch in its comment, and the new owner waits for it. There
 *    is no wait where the old owner said that it had stopped, or was a process of this machine that
 *    is gone.
 *
 * Not covered: a process that is suspended for longer than its lease, in the microseconds between
 * checking its confirmation and handing a command to the kernel, if that command changes structure
 * (a drop or a rename names its collection by uuid) or the server cannot refuse batches.
 *
 * No wall clock of two machines is compared. A crash after the raise leaves an owner that never
 * confirms: the next one raises again and waits again.
 */
import { interrupted, LinkedAbort, sleep } from '@waybill/shared/base/lifecycle';
import type { Logger } from '@waybill/shared/base/logger';
import { fencedError } from '../target/fenced.ts';
import type { WriteTag } from '../target/target.ts';
import { ownerId } from './keys.ts';
import { expel, type OwnershipDeps, type OwnershipSettings, raise } from './takeover.ts';

const KEEP_SHUT_OUT_MS = 300_000;

export class Ownership {
  readonly tag: WriteTag;
  readonly #settings: OwnershipSettings;
  readonly #target: OwnershipDeps['target'];
  readonly #logger: Logger;
  readonly #says: OwnershipDeps['says'];
  readonly #fence = new LinkedAbort();
  readonly #loopEnd: LinkedAbort;
  #confirmedAt: number;
  #isAlone = false;
  #confirming: Promise<void> | null = null;
  #loop: Promise<void> = Promise.resolve();

  private constructor(settings: OwnershipSettings, deps: OwnershipDeps, confirmedAt: number) {
    this.tag = { load: settings.load, epoch: settings.epoch };
    this.#settings = settings;
    this.#target = deps.target;
    this.#logger = deps.logger;
    this.#says = deps.says;
    this.#confirmedAt = confirmedAt;
    this.#loopEnd = new LinkedAbort(this.#fence.signal);
  }

  /**
   * Takes the load over. Resolves once nobody else writes it.
   * @throws LOAD_FOREIGN, LOAD_FENCED, the target's errors, the signal's reason
   */
  static async acquire(settings: OwnershipSettings, deps: OwnershipDeps): Promise<Ownership> {
    const raised = await raise(settings, deps);
    const ownership = new Ownership(settings, deps, raised.at);
    ownership.#loop = ownership.#confirmLoop();
    try {
      ownership.#isAlone = await expel(raised, settings, deps);
      return ownership;
    } catch (error) {
      await ownership.release();
      throw error;
    }
  }

  /** {@link expel}: it is certain that no earlier owner can write any more. */
  get isAlone(): boolean {
    return this.#isAlone;
  }

  /** Aborts with LOAD_FENCED when another process has taken the load over. */
  get fenced(): AbortSignal {
    return this.#fence.signal;
  }

  /**
   * Resolves while we own the load by rule 1: at once, except after an outage. Rejects with
   * LOAD_FENCED.
   */
  async held(): Promise<void> {
    while (!this.#isFresh()) {
      if (this.#fence.signal.aborted) throw this.#fence.signal.reason;
      this.#confirming ??= this.#confirm().finally(() => {
        this.#confirming = null;
      });
      await this.#confirming;
    }
  }

  /**
   * Says that nothing more will be written, so that the next owner need not wait. Call it only
   * after the last write settled.
   */
  async release(): Promise<void> {
    this.#loopEnd.abort();
    await this.#loop;
    if (this.#fence.signal.aborted) return;
    if (this.#target.mayStillWrite()) {
      this.#logger.warn(
        'a batch got no answer and may still be done; the next owner of the load waits for it',
      );
    } else {
      await this.#sayReleased();
    }
    this.#fence.abort(interrupted('the load has been released'));
    this.#loopEnd[Symbol.dispose]();
  }

  async #sayReleased(): Promise<void> {
    const { load, epoch, bond } = this.#settings;
    const set = bond === null ? { cutover: 'ended' } : { released: true };
    await this.#target.progress
      .update([{ id: ownerId(load), when: { epoch }, set }])
      .catch((error: unknown) => this.#logger.debug('the load was not released', { err: error }));
  }

  #isFresh(): boolean {
    return !this.#fence.signal.aborted && performance.now() - this.#confirmedAt < this.#settings.leaseMs;
  }

  async #confirm(): Promise<void> {
    const { load, epoch } = this.#settings;
    const began = performance.now();
    const matched = await this.#target.progress.update([
      { id: ownerId(load), when: { epoch }, set: { ...this.#says?.(), confirmedAt: new Date() } },
    ]);
    if (matched === 1) this.#confirmedAt = Math.max(this.#confirmedAt, began);
    else this.#fence.abort(fencedError(load, epoch));
  }

  async #confirmLoop(): Promise<void> {
    const { signal } = this.#loopEnd;
    let keptAt = performance.now();
    while (!signal.aborted) {
      await sleep(this.#settings.confirmMs, signal).catch(() => undefined);
      if (signal.aborted) return;
      await this.#confirm().catch((error: unknown) =>
        this.#logger.warnThrottled('ownership of the load could not be confirmed', { err: error }),
      );
      if (performance.now() - keptAt < KEEP_SHUT_OUT_MS) continue;
      keptAt = performance.now();
      await this.#target.keepShutOut().catch((error: unknown) =>
        this.#logger.warnThrottled('earlier owners of the load may be let in again in half an hour', {
          err: error,
        }),
      );
    }
  }
}
