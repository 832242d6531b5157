import type { WaybillError } from '../../base/errors.ts';
import { LinkedAbort } from '../../base/lifecycle.ts';

/**
 * A signal that aborts with the parent's, and when the peer has been waited for in vain for `ms`.
 * Dispose it.
 */
export class IdleAbort implements Disposable {
  readonly #abort: LinkedAbort;
  readonly #timer: NodeJS.Timeout;
  #waiting = true;

  constructor(ms: number, onTimeout: () => WaybillError, parent: AbortSignal | undefined) {
    this.#abort = new LinkedAbort(parent);
    this.#timer = setTimeout(() => {
      if (this.#waiting) this.#abort.abort(onTimeout());
    }, ms);
  }

  get signal(): AbortSignal {
    return this.#abort.signal;
  }

  /** The wait for the peer begins, or begins anew because something came or went. */
  wait(): void {
    this.#waiting = true;
    this.#timer.refresh();
  }

  /** It is not the peer that is waited for. */
  rest(): void {
    this.#waiting = false;
  }

  /** Ends what the signal was given to, if that still runs. */
  [Symbol.dispose](): void {
    clearTimeout(this.#timer);
    this.#abort.abort();
    this.#abort[Symbol.dispose]();
  }
}
