import { silentLogger } from '@waybill/shared/base/logger';
import { createMetrics } from '@waybill/shared/base/metrics';
import { createLoadStats } from '@waybill/shared/base/stats';
import { expect, it } from 'vitest';
import { BatchRetries } from './batch-retries.ts';

/** Fails a batch, by a clock that nobody waits for, until there is no further attempt. */
async function failForEver({ random, attemptMs }: { random: number; attemptMs: number }) {
  let now = 0;
  const clock = {
    now: () => now,
    random: () => random,
    async sleep(ms: number) {
      now += ms;
    },
  };
  const stats = createLoadStats();
  const { signal } = new AbortController();
  const retries = new BatchRetries({ stats, metrics: createMetrics(), logger: silentLogger, signal, clock });
  const gone = new Error('no primary');
  let attempts = 0;
  let lastAt = 0;
  const failing = async (): Promise<never> => {
    for (;;) {
      attempts++;
      lastAt = now;
      now += attemptMs;
      await retries.failed(gone, 'transient', gone.message);
    }
  };
  await expect(failing()).rejects.toBe(gone);
  expect(stats.trouble.retried.size).toBe(1);
  retries[Symbol.dispose]();
  expect(stats.trouble.retried.size).toBe(0);
  expect(stats.trouble.retries.get('transient')).toBe(attempts);
  expect(stats.retries).toBe(attempts - 1);
  return { attempts, lastAt };
}

it('gives a batch up after 60 attempts, where they come fast', async () => {
  const { attempts, lastAt } = await failForEver({ random: 0.999, attemptMs: 0 });
  expect(attempts).toBe(60);
  expect(lastAt).toBeLessThan(300_000);
});

it('gives a batch up before an attempt that would start after five minutes', async () => {
  for (const attemptMs of [0, 1000, 60_000]) {
    const { attempts, lastAt } = await failForEver({ random: 0, attemptMs });
    expect(attempts).toBeLessThan(60);
    expect(lastAt).toBeLessThanOrEqual(300_000);
    expect(lastAt + attemptMs + 10_000).toBeGreaterThan(300_000);
  }
});
