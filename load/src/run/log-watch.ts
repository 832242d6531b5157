import { hasCode, type WaybillError } from '@waybill/shared/base/errors';
import { interrupted, LinkedAbort, sleep } from '@waybill/shared/base/lifecycle';
import type { LetterService } from '../letter-requests/letter-service.ts';
import type { Obeying } from '../rate/obeying.ts';
import type { RunContext } from './run-context.ts';

/** How often the load's own log is read to find what others noted there, in milliseconds. */
const POLL_MS = 1000;

/**
 * Follows the load's own log while it runs. Operators control the load by notes there. A cutover
 * takes the log over once everything that it waits for is applied; then {@link signal} aborts.
 */
export class LogWatch implements AsyncDisposable {
  readonly #context: Pick<RunContext, 'deps' | 'log' | 'milestones'>;
  readonly #obeying: Obeying;
  readonly #end: LinkedAbort;
  readonly #service: Pick<LetterService, 'noticed'>;
  readonly #watching: Promise<void>;
  #fenced: WaybillError | undefined;

  constructor(
    context: Pick<RunContext, 'deps' | 'log' | 'milestones'>,
    obeying: Obeying,
    service: Pick<LetterService, 'noticed'>,
  ) {
    this.#context = context;
    this.#obeying = obeying;
    this.#service = service;
    this.#end = new LinkedAbort(context.deps.signal);
    this.#watching = this.#watch();
  }

  /** Aborts at a cutover, when another process takes the load over, and with the load's signal. */
  get signal(): AbortSignal {
    return this.#end.signal;
  }

  /** Set when another process has taken the load over. */
  get fenced(): WaybillError | undefined {
    return this.#fenced;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#end.abort(interrupted('no changes are applied any more'));
    await this.#watching;
    this.#end[Symbol.dispose]();
  }

  async #watch(): Promise<void> {
    const { deps, log, milestones } = this.#context;
    const { signal } = this.#end;
    while (!signal.aborted) {
      try {
        await sleep(POLL_MS, signal);
        await log.poll(signal);
        if (milestones.isCutOver) this.#end.abort(interrupted('the load has been cut over'));
        else {
          this.#service.noticed();
          await this.#obeying.obey();
        }
      } catch (error) {
        if (hasCode(error, 'LOAD_FENCED')) {
          this.#fenced = error;
          this.#end.abort(interrupted('another process has taken the load over'));
        } else if (!signal.aborted) {
          deps.logger.warnThrottled('the log of the load could not be read', { err: error });
        }
      }
    }
  }
}
