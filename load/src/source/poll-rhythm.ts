/** Weight of the newest gap in the running mean. */
const NEWEST = 0.3;
/**
 * If commits lie further apart than this, in multiples of `pollMs`, waiting for a rhythm does not
 * pay.
 */
const LONGEST = 10;
/** The longest pause, in multiples of `pollMs`. If the rhythm changes, this much is lost once. */
const LONGEST_PAUSE = 4;
/** Steps around the expected moment, as parts of `pollMs`. */
const STEP = 0.25;
/** The share of a quiet time that a pause may last: a change is seen late by at most that share. */
const QUIET_SHARE = 1 / 20;

export interface PollPauses {
  /** Between looks while the stream changes and has no rhythm. */
  readonly pollMs: number;
  /** The longest pause, when nothing has changed for long. */
  readonly idlePoll: number;
}

/**
 * Decides when to look for the next commit. A capture under load commits once a second. So looking
 * often around the expected moment, and hardly in between, finds the commit soon and asks no more
 * often than looking at all times would. When nothing has changed for long the pauses grow, up to
 * `idlePoll`: a store bills each look. Times are milliseconds of one monotonic clock.
 */
export class PollRhythm {
  readonly #pollMs: number;
  readonly #idlePoll: number;
  #changedAt: number;
  #lastAt: number | null = null;
  #period: number | null = null;

  constructor({ pollMs, idlePoll }: PollPauses, now: number) {
    this.#pollMs = pollMs;
    this.#idlePoll = idlePoll;
    this.#changedAt = now;
  }

  /** One look has found that many commits. `changes`: one of them says more than the position. */
  found(commits: number, changes: boolean, now: number): void {
    if (changes) this.#changedAt = now;
    const gap = this.#lastAt === null ? null : (now - this.#lastAt) / commits;
    this.#lastAt = now;
    if (gap === null || gap > LONGEST * this.#pollMs) this.#period = null;
    // Several at once: the stream has become faster.
    else if (this.#period === null || commits > 1) this.#period = gap;
    else this.#period += NEWEST * (gap - this.#period);
  }

  /** How long to wait before the next look. */
  pauseMs(now: number): number {
    const quiet = Math.min((now - this.#changedAt) * QUIET_SHARE, this.#idlePoll);
    return Math.max(this.#pauseByRhythm(now), quiet);
  }

  #pauseByRhythm(now: number): number {
    const pollMs = this.#pollMs;
    const step = pollMs * STEP;
    if (this.#lastAt === null || this.#period === null) return pollMs;
    const left = this.#lastAt + this.#period - now;
    if (left > 2 * step) return Math.min(left - step, LONGEST_PAUSE * pollMs);
    // Late, but it may still come. After that there is no rhythm any more.
    return left > -2 * pollMs ? step : pollMs;
  }
}
