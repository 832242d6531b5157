import { type LogFields, type Logger, silentLogger } from '@waybill/shared/base/logger';
import { createLoadStats } from '@waybill/shared/base/stats';
import { describe, expect, it } from 'vitest';
import { NO_RAMP, type RateRules } from '../target/rules/rate.ts';
import { Gate } from './gate.ts';

const MINUTE = 60_000;
const RAMP: RateRules = {
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

async function settled(): Promise<void> {
  for (let turn = 0; turn < 30; turn++) await Promise.resolve();
}

/** A target that answers when it is told to, or after `answerMs`. */
class Sending {
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

describe('batches under way at once', () => {
  it('are as many as there are workers', async () => {
    expect(await new Sending(3).through(7)).toEqual([3, 3, 1]);
  });

  it('are half as many after a push back, and one more after each round that went well', async () => {
    const sending = new Sending(8);
    const all = Array.from({ length: 8 }, () => sending.pass());
    await settled();
    // A burst counts once.
    for (let each = 0; each < 8; each++) sending.gate.pushedBack('a.b');
    expect(sending.stats.pace).toMatchObject({ atOnce: 4, atOnceMost: 8, pushBacks: 8 });
    sending.answer();
    await Promise.all(all);
    expect(await sending.through(45)).toEqual([4, 5, 6, 7, 8, 8, 7]);
    expect(sending.told).toEqual([
      ['the target pushes back: fewer batches at once', { namespace: 'a.b', atOnce: 4, most: 8 }],
      ['the target stays well: all batches at once again', { atOnce: 8 }],
    ]);
  });

  it('are fewer after a batch that took long', async () => {
    const sending = new Sending(4);
    const slow = sending.pass();
    await sending.clock.move(NO_RAMP.slowMs + 1);
    sending.answer();
    await slow;
    expect((await sending.through(4))[0]).toBe(2);
  });

  it('never fall below one', async () => {
    const sending = new Sending(2);
    for (let each = 0; each < 5; each++) sending.gate.pushedBack('a.b');
    expect((await sending.through(4))[0]).toBe(1);
  });
});

describe('a limit', () => {
  it('holds over any time, but for one batch', async () => {
    const sending = new Sending(6);
    sending.gate.setLimit({ documents: 1000, bytes: null });
    expect(await sending.sendFor(MINUTE, 300)).toBeLessThanOrEqual(60_000 + 300);
    expect(sending.documents.get('a.b')).toBeGreaterThan(58_000);
    expect(sending.stats.pace.waits).toBeGreaterThan(190);
    // Nothing is saved up in a silence.
    await sending.clock.move(10 * MINUTE);
    expect(await sending.sendFor(1000, 300)).toBeLessThanOrEqual(1300);
  });

  it('may count bytes, and both', async () => {
    const sending = new Sending(6);
    sending.gate.setLimit({ documents: 10_000, bytes: 20_000 });
    expect(await sending.sendFor(10_000, 10)).toBeLessThanOrEqual(2010);
  });

  it('may be changed while batches wait for it', async () => {
    const sending = new Sending(6);
    sending.gate.setLimit({ documents: 1, bytes: null });
    const passing = [sending.pass(1000), sending.pass(1000)];
    await sending.clock.move(MINUTE);
    expect(sending.documents.get('a.b')).toBe(1000);
    sending.gate.setLimit({ documents: 500, bytes: null });
    await sending.clock.move(2000);
    expect(sending.documents.get('a.b')).toBe(2000);
    sending.answer();
    const third = sending.pass(1000);
    await settled();
    expect(sending.documents.get('a.b')).toBe(2000);
    sending.gate.setLimit({ documents: null, bytes: null });
    await settled();
    sending.answer();
    await Promise.all([...passing, third]);
  });
});

describe('a ramp', () => {
  it('lets a small load through at once', async () => {
    const sending = new Sending(6, RAMP);
    expect(await sending.through(1)).toEqual([1]);
    expect(sending.stats.pace.waits).toBe(0);
  });

  it('grows by half each minute while the target stays well', async () => {
    const sending = new Sending(6, RAMP);
    const perSecond: number[] = [];
    for (let minute = 0; minute < 4; minute++) perSecond.push((await sending.sendFor(MINUTE, 500)) / 60);
    const expected = [500, 750, 1125, 1687];
    for (const [minute, rate] of perSecond.entries()) {
      expect(rate).toBeLessThanOrEqual(expected[minute]! * 1.02 + 10);
      expect(rate).toBeGreaterThan(expected[minute]! * 0.8);
    }
    expect(sending.told.map(([, fields]) => fields?.documentsPerSecond)).toEqual([750, 1125, 1687.5]);
  });

  it('does not grow while nothing waits for it', async () => {
    const sending = new Sending(6, RAMP);
    await sending.through(1);
    await sending.clock.move(10 * MINUTE);
    await sending.through(1);
    expect(sending.stats.pace.rampPerSecond).toBe(500);
  });

  it('is halved by a push back, once per burst, and grows again a minute later', async () => {
    const sending = new Sending(6, RAMP);
    const all = [sending.pass(500), sending.pass(500), sending.pass(500)];
    await sending.clock.move(2000);
    for (let each = 0; each < 3; each++) sending.gate.pushedBack('a.b');
    sending.answer();
    await Promise.all(all);
    expect((await sending.sendFor(MINUTE - 1000, 100)) / 59).toBeLessThan(255);
    await sending.sendFor(2000, 100);
    expect(sending.stats.pace.rampPerSecond).toBe(375);
    const rates = sending.told.map(([, fields]) => fields?.documentsPerSecond);
    expect(rates.filter((rate) => rate !== undefined)).toEqual([250, 375]);
  });

  it('never falls below a tenth of its start', async () => {
    const sending = new Sending(6, RAMP);
    for (let each = 0; each < 20; each++) sending.gate.pushedBack('a.b');
    await sending.through(1);
    expect(sending.stats.pace.rampPerSecond).toBe(50);
  });

  it('is that of each collection, and lets those of others pass', async () => {
    const sending = new Sending(6, RAMP);
    const all = [sending.pass(500), sending.pass(500), sending.pass(500, 'a.c')];
    await settled();
    expect([...sending.documents]).toEqual([
      ['a.b', 500],
      ['a.c', 500],
    ]);
    sending.answer();
    await sending.clock.move(1000);
    sending.answer();
    await Promise.all(all);
  });
});

it('a pause lets nothing new go until it ends', async () => {
  const sending = new Sending(2);
  const passing = [sending.pass()];
  await settled();
  sending.gate.setPaused(true);
  passing.push(sending.pass());
  let isOpen = false;
  const open = sending.gate.whenOpen(sending.stop.signal).then(() => {
    isOpen = true;
  });
  sending.answer();
  await sending.clock.move(MINUTE);
  expect([sending.documents.get('a.b'), isOpen]).toEqual([10, false]);
  sending.gate.setPaused(false);
  await open;
  await settled();
  sending.answer();
  await Promise.all(passing);
  await sending.gate.whenOpen(sending.stop.signal);
});

it('a stop ends the waiting for a turn and for a limit, and waits for what was sent', async () => {
  const sending = new Sending(1);
  sending.gate.setLimit({ documents: 1, bytes: null });
  const first = sending.pass();
  const second = sending.pass();
  await settled();
  sending.stop.abort();
  await expect(second).rejects.toMatchObject({ code: 'INTERRUPTED' });
  await expect(sending.pass()).rejects.toMatchObject({ code: 'INTERRUPTED' });
  expect(sending.sent).toHaveLength(1);
  sending.answer();
  await first;
});

it('a batch that fails lets the next one go', async () => {
  const sending = new Sending(1);
  const first = sending.pass();
  const second = sending.pass();
  await settled();
  sending.sent.splice(0)[0]!.reject(new Error('away'));
  await expect(first).rejects.toThrow('away');
  await settled();
  sending.answer();
  await second;
});
