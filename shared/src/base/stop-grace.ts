import { abortReason, interrupted } from './lifecycle.ts';

/**
 * A clean stop waits this many milliseconds for the bucket. Supervisors kill after ten seconds or
 * later; the rest of that time is for closing.
 */
const STOP_GRACE_MS = 7000;

/**
 * Aborts some time after a stop was asked for. Work that was under way then is given up, and so are
 * waits for a bucket that does not take it. That leaves the same as a crash at that moment.
 */
export class StopGrace implements Disposable {
  readonly #controller = new AbortController();
  readonly #stop: AbortSignal;
  #timer: NodeJS.Timeout | undefined;

  constructor(stop: AbortSignal, graceMs = STOP_GRACE_MS) {
    this.#stop = stop;
    this.#start = () => {
      const giveUp = (): void => this.#controller.abort(interrupted(abortReason(stop).message));
      this.#timer = setTimeout(giveUp, graceMs);
    };
    if (stop.aborted) this.#start();
    else stop.addEventListener('abort', this.#start, { once: true });
  }

  /** Its reason is INTERRUPTED. */
  get signal(): AbortSignal {
    return this.#controller.signal;
  }

  [Symbol.dispose](): void {
    clearTimeout(this.#timer);
    this.#stop.removeEventListener('abort', this.#start);
  }

  readonly #start: () => void;
}
