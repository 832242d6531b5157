/**
 * Waiting, stopping and time limits. Every wait of the program takes an AbortSignal. An abort's
 * reason is a WaybillError, so a code and an exit code surface, and never a bare AbortError.
 */
import { WaybillError } from './errors.ts';

/** Longer timers overflow to 1 ms in Node. */
const LONGEST_TIMER_MS = 2 ** 31 - 1;

export function interrupted(message = 'stopped on request', cause?: unknown): WaybillError {
  return new WaybillError('INTERRUPTED', message, {
    hint: 'Run the same command again. Capture and load go on where they stopped; a comparison begins again.',
    cause,
  });
}

/**
 * The error that an aborted signal stands for: its own reason if that is a WaybillError, otherwise
 * INTERRUPTED.
 */
export function abortReason(signal: AbortSignal): WaybillError {
  const reason: unknown = signal.reason;
  return reason instanceof WaybillError ? reason : interrupted('stopped on request', reason);
}

export function throwIfAborted(signal: AbortSignal | undefined): void {
  if (signal?.aborted) throw abortReason(signal);
}

/**
 * Waits `ms` milliseconds. Rejects with the signal's reason, at once if the signal is aborted
 * already.
 */
export function sleep(ms: number, signal?: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    if (signal?.aborted) {
      reject(abortReason(signal));
      return;
    }
    const onAbort = (): void => {
      clearTimeout(timer);
      if (signal) reject(abortReason(signal));
    };
    const timer = setTimeout(
      () => {
        signal?.removeEventListener('abort', onAbort);
        resolve();
      },
      Math.min(Math.max(ms, 0), LONGEST_TIMER_MS),
    );
    signal?.addEventListener('abort', onAbort, { once: true });
  });
}

/**
 * Settles like the promise, or rejects with the signal's reason if that comes first. It does not
 * stop the work behind the promise: use it for operations that take no signal. A late rejection of
 * the promise is swallowed.
 */
export async function abortable<T>(promise: Promise<T>, signal: AbortSignal | undefined): Promise<T> {
  if (!signal) return promise;
  promise.catch(() => undefined);
  throwIfAborted(signal);
  const aborted = Promise.withResolvers<never>();
  const onAbort = (): void => aborted.reject(abortReason(signal));
  signal.addEventListener('abort', onAbort, { once: true });
  try {
    return await Promise.race([promise, aborted.promise]);
  } finally {
    signal.removeEventListener('abort', onAbort);
  }
}

/**
 * A controller that also aborts, with the same reason, when any parent does. Dispose it when the
 * work ends. A parent lives as long as the process, and listeners would pile up on it
 * (AbortSignal.any keeps such lists too).
 */
export class LinkedAbort implements Disposable {
  readonly #controller = new AbortController();
  readonly #parents: readonly AbortSignal[];

  constructor(...parents: readonly (AbortSignal | undefined)[]) {
    this.#parents = parents.filter((parent) => parent !== undefined);
    for (const parent of this.#parents) {
      if (parent.aborted) {
        this.abort(abortReason(parent));
        return;
      }
    }
    for (const parent of this.#parents) parent.addEventListener('abort', this.#onAbort);
  }

  get signal(): AbortSignal {
    return this.#controller.signal;
  }

  abort(reason: WaybillError = interrupted()): void {
    this.#controller.abort(reason);
  }

  [Symbol.dispose](): void {
    for (const parent of this.#parents) parent.removeEventListener('abort', this.#onAbort);
  }

  readonly #onAbort = (event: Event): void => {
    this.abort(abortReason(event.target as AbortSignal));
  };
}

export interface StopSignal extends Disposable {
  /** Aborts with INTERRUPTED on the first SIGINT or SIGTERM. */
  readonly signal: AbortSignal;
}

export interface StopSignalOptions {
  /** Called once, on the first signal: tell the user that a second one exits at once. */
  readonly onStop?: ((signalName: string) => void) | undefined;
  /**
   * Signals within this many milliseconds of the first express the same wish; default 0. A Ctrl-C
   * at a terminal reaches a launcher and its child, and the launcher forwards its own.
   */
  readonly sameWishMs?: number | undefined;
  /** The source of the signals; the process itself unless a test passes another. */
  readonly source?: SignalSource | undefined;
  readonly exit?: ((code: number) => void) | undefined;
}

export interface SignalSource {
  on(event: 'SIGINT' | 'SIGTERM', listener: (name: string) => void): unknown;
  off(event: 'SIGINT' | 'SIGTERM', listener: (name: string) => void): unknown;
}

const SECOND_SIGNAL_EXIT_CODE = 130;

/**
 * The first SIGINT or SIGTERM stops gracefully, through the signal. The second exits at once with
 * 130. That loses nothing either: data that no commit names does not exist.
 */
export function stopSignal(options: StopSignalOptions = {}): StopSignal {
  const source: SignalSource = options.source ?? process;
  const exit = options.exit ?? ((code: number) => process.exit(code));
  const controller = new AbortController();
  let firstAt = 0;
  const listener = (name: string): void => {
    if (controller.signal.aborted) {
      if (performance.now() - firstAt >= (options.sameWishMs ?? 0)) exit(SECOND_SIGNAL_EXIT_CODE);
      return;
    }
    firstAt = performance.now();
    options.onStop?.(name);
    controller.abort(interrupted(`stopped by ${name}`));
  };
  source.on('SIGINT', listener);
  source.on('SIGTERM', listener);
  return {
    signal: controller.signal,
    [Symbol.dispose]: () => {
      source.off('SIGINT', listener);
      source.off('SIGTERM', listener);
    },
  };
}
