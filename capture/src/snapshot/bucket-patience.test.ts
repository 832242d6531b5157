import { WaybillError } from '@waybill/shared/base/errors';
import { describe, expect, it } from 'vitest';
import { BucketPatience } from './bucket-patience.ts';

const AWAY = new WaybillError('BUCKET_UNAVAILABLE', 'the bucket is away');
const MINUTE = 60_000;

/** Its clock moves only with the waits and with `pass`. */
function patience(isFinal: (error: unknown) => boolean = () => false) {
  let now = 0;
  const clock = {
    now: () => now,
    random: () => 0,
    sleep: async (ms: number) => {
      now += ms;
    },
  };
  const options = { isFinal, signal: new AbortController().signal, onRetry: undefined, clock };
  const pass = (ms: number): void => {
    now += ms;
  };
  return { patience: new BucketPatience(options), pass, now: () => now };
}

/** Fails until it is given up; how long that took. */
async function untilGivenUp(chunk: ReturnType<typeof patience>): Promise<number> {
  const from = chunk.now();
  for (;;) {
    try {
      await chunk.patience.failed(AWAY);
    } catch (error) {
      expect(error).toBe(AWAY);
      return chunk.now() - from;
    }
  }
}

describe('the patience of a chunk with a bucket', () => {
  it('is two minutes, however long the reading has taken before', async () => {
    const chunk = patience();
    chunk.pass(10 * MINUTE);
    chunk.patience.moved();
    const waited = await untilGivenUp(chunk);
    expect(waited).toBeGreaterThan(1.8 * MINUTE);
    expect(waited).toBeLessThanOrEqual(2 * MINUTE);
  });

  it('counts the time that the failing call itself has spent', async () => {
    const chunk = patience();
    chunk.patience.moved();
    chunk.pass(1.5 * MINUTE);
    expect(await untilGivenUp(chunk)).toBeLessThanOrEqual(0.5 * MINUTE);
  });

  it('does not begin anew with what an attempt reads after a failure', async () => {
    const chunk = patience();
    await chunk.patience.failed(AWAY);
    chunk.pass(MINUTE);
    chunk.patience.moved();
    expect(await untilGivenUp(chunk)).toBeLessThanOrEqual(MINUTE);
  });

  it('begins anew with a commit', async () => {
    const chunk = patience();
    await untilGivenUp(chunk);
    chunk.patience.committed();
    expect(await untilGivenUp(chunk)).toBeGreaterThan(1.8 * MINUTE);
  });

  it('gives the calls of a repeated attempt what is left, and the first one all its own', async () => {
    const chunk = patience();
    expect(chunk.patience.budget).toBeUndefined();
    await chunk.patience.failed(AWAY);
    expect(chunk.patience.budget?.allows(1.9 * MINUTE)).toBe(true);
    chunk.pass(MINUTE);
    expect(chunk.patience.budget?.allows(1.1 * MINUTE)).toBe(false);
  });

  it('has none for other errors, and for those that are final', async () => {
    const other = new WaybillError('BUCKET_ACCESS_DENIED', 'no');
    await expect(patience().patience.failed(other)).rejects.toBe(other);
    await expect(patience((error) => error === AWAY).patience.failed(AWAY)).rejects.toBe(AWAY);
  });
});
