import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { WaybillError } from './errors.ts';
import { throwIfAborted } from './lifecycle.ts';
import { backoffMs, DEFAULT_RETRY, Retries, RetryBudget, type RetryClock, retry } from './retry.ts';

function fakeClock(random = 0): RetryClock & { waits: number[] } {
  let now = 0;
  const waits: number[] = [];
  return {
    waits,
    now: () => now,
    random: () => random,
    sleep: async (ms, signal) => {
      throwIfAborted(signal);
      waits.push(ms);
      now += ms;
    },
  };
}

const transient = () => new WaybillError('BUCKET_UNAVAILABLE', 'try later');

describe('retry', () => {
  it('repeats what is transient, waiting longer each time, up to the longest wait', async () => {
    const clock = fakeClock();
    let calls = 0;
    const result = await retry(
      async (attempt) => {
        calls++;
        if (attempt < 6) throw transient();
        return attempt;
      },
      { ...DEFAULT_RETRY, initialMs: 100, factor: 3, maxMs: 1000 },
      { clock },
    );
    expect(result).toBe(6);
    expect(calls).toBe(6);
    expect(clock.waits).toEqual([100, 300, 900, 1000, 1000]);
  });

  it.each([
    ['an error that will not pass', new WaybillError('MANIFEST_CORRUPT', 'bad')],
    ['an error of nobody', new Error('boom')],
  ])('does not repeat %s', async (_name, error) => {
    let calls = 0;
    const run = retry(
      async () => {
        calls++;
        throw error;
      },
      DEFAULT_RETRY,
      { clock: fakeClock() },
    );
    await expect(run).rejects.toBe(error);
    expect(calls).toBe(1);
  });

  it('gives up after the attempts allowed, with the last error', async () => {
    const errors = [transient(), transient(), transient()];
    let calls = 0;
    const run = retry(
      async () => {
        throw errors[calls++];
      },
      { ...DEFAULT_RETRY, maxAttempts: 3 },
      { clock: fakeClock() },
    );
    await expect(run).rejects.toBe(errors[2]);
    expect(calls).toBe(3);
  });

  it('starts no attempt after the time allowed', async () => {
    const clock = fakeClock();
    const run = retry(
      async () => Promise.reject(transient()),
      { ...DEFAULT_RETRY, maxElapsedMs: 2000 },
      { clock },
    );
    await expect(run).rejects.toMatchObject({ code: 'BUCKET_UNAVAILABLE' });
    expect(clock.waits).toEqual([100, 200, 400, 800]);
  });

  it('stops with the reason of the signal', async () => {
    const controller = new AbortController();
    const reason = new WaybillError('MANIFEST_FENCED', 'a newer one');
    const run = retry(async () => Promise.reject(transient()), DEFAULT_RETRY, {
      clock: fakeClock(),
      signal: controller.signal,
      onRetry: () => controller.abort(reason),
    });
    await expect(run).rejects.toBe(reason);
  });

  it('tells what is repeated, why and after how long', async () => {
    const seen: unknown[] = [];
    await retry(
      async (attempt) => {
        if (attempt === 1) throw transient();
      },
      DEFAULT_RETRY,
      {
        clock: fakeClock(1),
        onRetry: (error, attempt, delayMs) => seen.push([(error as WaybillError).code, attempt, delayMs]),
      },
    );
    expect(seen).toEqual([['BUCKET_UNAVAILABLE', 1, 50]]);
  });
});

describe('nested retries', () => {
  const ATTEMPT_MS = 1000;

  /** How long two nested retries go on with a call that never succeeds. */
  async function lastsMs(inner: (outer: RetryBudget) => RetryBudget | undefined): Promise<number> {
    const clock = fakeClock();
    const request = async (): Promise<void> => {
      await clock.sleep(ATTEMPT_MS);
      throw transient();
    };
    const call = (_attempt: number, budget: RetryBudget) =>
      retry(request, DEFAULT_RETRY, { clock, budget: inner(budget) });
    await expect(retry(call, DEFAULT_RETRY, { clock })).rejects.toThrow('try later');
    return clock.now();
  }

  it('end within the one budget of the outermost', async () => {
    expect(await lastsMs((outer) => outer)).toBeLessThanOrEqual(DEFAULT_RETRY.maxElapsedMs + ATTEMPT_MS);
    // The budget ends them: without it two minutes become nearly four.
    expect(await lastsMs(() => undefined)).toBeGreaterThan(1.8 * DEFAULT_RETRY.maxElapsedMs);
  });

  it('keep to their own limit where that is the shorter one', async () => {
    const clock = fakeClock();
    const budget = new RetryBudget(120_000, undefined, clock);
    const run = retry(
      async () => Promise.reject(transient()),
      { ...DEFAULT_RETRY, maxElapsedMs: 500 },
      { clock, budget },
    );
    await expect(run).rejects.toThrow('try later');
    expect(clock.waits).toEqual([100, 200]);
  });

  it('pass on a budget that ends with that of the caller', async () => {
    const clock = fakeClock();
    const outer = new RetryBudget(1000, undefined, clock);
    await retry(
      async (_, budget) => {
        expect(budget.allows(1000)).toBe(true);
        expect(budget.allows(1001)).toBe(false);
      },
      DEFAULT_RETRY,
      { clock, budget: outer },
    );
  });
});

describe('a loop that makes progress', () => {
  const policy = { ...DEFAULT_RETRY, maxAttempts: 3 };

  it('counts failures in a row only', async () => {
    const clock = fakeClock();
    const retries = new Retries(policy, { clock });
    await retries.failed(transient());
    await retries.failed(transient());
    retries.progressed();
    await retries.failed(transient());
    await retries.failed(transient());
    await expect(retries.failed(transient())).rejects.toThrow('try later');
    expect(clock.waits).toEqual([100, 200, 100, 200]);
  });

  it('has all of its own time after progress, whatever is left of the budget', async () => {
    const clock = fakeClock();
    const budget = new RetryBudget(150, undefined, clock);
    const retries = new Retries(DEFAULT_RETRY, { clock, budget });
    await retries.failed(transient());
    await expect(retries.failed(transient())).rejects.toThrow('try later');
    retries.progressed();
    await clock.sleep(DEFAULT_RETRY.maxElapsedMs - 300);
    await retries.failed(transient());
    expect(retries.budget.allows(200)).toBe(true);
    expect(retries.budget.allows(201)).toBe(false);
  });
});

describe('backoffMs', () => {
  it('stays between the unjittered wait and its jittered minimum, and under the longest wait', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 2000 }),
        fc.double({ min: 0, max: 1, noNaN: true }),
        (attempt, random) => {
          const wait = backoffMs(DEFAULT_RETRY, attempt, random);
          expect(wait).toBeLessThanOrEqual(DEFAULT_RETRY.maxMs);
          expect(wait).toBeGreaterThanOrEqual(DEFAULT_RETRY.initialMs * (1 - DEFAULT_RETRY.jitter));
        },
      ),
    );
  });
});
