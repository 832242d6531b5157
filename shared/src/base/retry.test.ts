import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { WaybillError } from './errors.ts';
import { throwIfAborted } from './lifecycle.ts';
import { backoffMs, DEFAULT_RETRY, type RetryClock, retry } from './retry.ts';

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
