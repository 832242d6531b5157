/** A gate by a clock that stands until it is moved, for tests of how batches go through it. */
import { Gate } from '@waybill/load/rate/gate';
import { NO_RAMP, type RateRules } from '@waybill/load/target/rules/rate';
import { type LogFields, type Logger, silentLogger } from '@waybill/shared/base/logger';
import { createLoadStats } from '@waybill/shared/base/stats';

export const MINUTE = 60_000;
export const RAMP: RateRules = {
  ...NO_RAMP,
  ramp: { startPerSecond: 500, growth: 1.5, everyMs: MINUTE },
  slowMs: 5000,
};

/** A clock that stands until it is moved. */
class StandingClock {
  #now = 1000;
  #calls: { readonly at: number; readonly call: () => void }[] = [];

  now(): number {
    return this.#now;
  }

  after(ms: number, call: () => void): () => void {
    const entry = { at: this.#now + ms, call };
    this.#calls.push(entry);
    return () => {
      this.#calls = this.#calls.filter((each) => each !== entry);
    };
  }

  /** Moves on by so much, and calls back whoever waits for a moment in between. */
  async move(ms: number): Promise<void> {
    const end = this.#now + ms;
    for (;;) {
      await settled();
      const [next] = this.#calls.filter(({ at }) => at <= end).sort((a, b) => a.at - b.at);
      if (!next) break;
      this.#calls = this.#calls.filter((each) => each !== next);
      this.#now = Math.max(this.#now, next.at);
      next.call();
    }
    this.#now = end;
    await settled();
  }
}

export async function settled(): Promise<void> {
  for (let turn = 0; turn < 30; turn++) await Promise.resolve();
}

/** A target that answers when it is told to, or after `answerMs`. */
export class Sending {
  readonly clock = new StandingClock();
  readonly stop = new AbortController();
  readonly stats = createLoadStats();
  readonly told: [string, LogFields | undefined][] = [];
  readonly sent: PromiseWithResolvers<void>[] = [];
  /** Documents that went so far, by namespace. */
  readonly documents = new Map<string, number>();
  readonly gate: Gate;

  constructor(workers: number, rules: RateRules = NO_RAMP) {
    const tell = (message: string, fields?: LogFields): void => void this.told.push([message, fields]);
    const logger: Logger = { ...silentLogger, info: tell, warn: tell, warnThrottled: tell };
    const { clock, stop, stats } = this;
    this.gate = new Gate({ workers, rules, pace: stats.pace, logger, clock, signal: stop.signal });
  }

  pass(documents = 10, namespace = 'a.b', bytes = documents * 100): Promise<void> {
    return this.gate.pass({ namespace, documents, bytes }, () => {
      this.documents.set(namespace, (this.documents.get(namespace) ?? 0) + documents);
      const answer = Promise.withResolvers<void>();
      this.sent.push(answer);
      return answer.promise;
    });
  }

  answer(): void {
    for (const { resolve } of this.sent.splice(0)) resolve();
  }

  /** Answers all that went, until so many batches are through; returns how many went together. */
  async through(batches: number): Promise<number[]> {
    const atOnce: number[] = [];
    const all = Array.from({ length: batches }, () => this.pass());
    for (let answered = 0; answered < batches; ) {
      await settled();
      atOnce.push(this.sent.length);
      answered += this.sent.length;
      this.answer();
    }
    await Promise.all(all);
    return atOnce;
  }

  /** Sends one batch after the other for so long, each answered at once; returns the documents. */
  async sendFor(ms: number, batch: number, namespace = 'a.b'): Promise<number> {
    const end = this.clock.now() + ms;
    const before = this.documents.get(namespace) ?? 0;
    const last: { passing: Promise<void> | null } = { passing: null };
    while (this.clock.now() < end) {
      last.passing ??= this.pass(batch, namespace).then(() => {
        last.passing = null;
      });
      await settled();
      if (this.sent.length === 0) await this.clock.move(Math.min(100, end - this.clock.now()));
      this.answer();
      await settled();
    }
    return (this.documents.get(namespace) ?? 0) - before;
  }
}
