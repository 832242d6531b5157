import type { Logger } from '@waybill/shared/base/logger';
import type { LoadLog } from '../progress/load-log.ts';
import { controlOf } from './control.ts';
import type { Gate } from './gate.ts';
import { formatRateLimit, NO_LIMIT, type RateLimit } from './limit.ts';

export interface ObeyingDeps {
  readonly log: Pick<LoadLog, 'recordAll' | 'state'>;
  readonly gate: Pick<Gate, 'setLimit' | 'setPaused'>;
  /** Of the command line; null: none was given. Holds until `waybill control` sets one. */
  readonly startLimit: RateLimit | null;
  readonly logger: Logger;
}

/** Does what operators tell the load by notes in its log, and records that it has. */
export class Obeying {
  readonly #deps: ObeyingDeps;
  #limit = 'none';
  #paused = false;

  constructor(deps: ObeyingDeps) {
    this.#deps = deps;
  }

  /** For the start: says which limit holds, if the command line has another one. */
  async begin(): Promise<void> {
    const { log, startLimit, logger } = this.#deps;
    const { limit } = controlOf(log.state);
    if (limit && startLimit && formatRateLimit(limit) !== formatRateLimit(startLimit)) {
      logger.warn('the rate that waybill control has set comes before --max-write-rate', {
        control: formatRateLimit(limit),
        maxWriteRate: formatRateLimit(startLimit),
      });
    }
    await this.obey();
  }

  /** Call it when the log may have something new. @throws LOAD_FENCED, errors of the bucket */
  async obey(): Promise<void> {
    const { log } = this.#deps;
    // Another word may come in before this record. Then it is acted on right behind it.
    while (this.#act()) await log.recordAll([{ name: 'obeyed', clusterTime: null, sequence: null }]);
  }

  /** True where the log does not say so yet. */
  #act(): boolean {
    const { log, gate, startLimit, logger } = this.#deps;
    const control = controlOf(log.state);
    const limit = control.limit ?? startLimit ?? NO_LIMIT;
    const text = formatRateLimit(limit);
    if (text !== this.#limit) {
      this.#limit = text;
      gate.setLimit(limit);
      logger.info('the load writes at most', { rate: text });
    }
    if (control.paused !== this.#paused) {
      this.#paused = control.paused;
      gate.setPaused(control.paused);
      logger.info(control.paused ? 'the load is paused' : 'the load goes on after its pause');
    }
    return !control.isObeyed;
  }
}
