import { describe, expect, test } from 'vitest';
import { WaybillError } from '../base/errors.ts';
import { RequestLimiter } from './limiter.ts';

const throttled = new Error('slow down');
const failed = new Error('reset');
const isThrottling = (error: unknown): boolean => error === throttled;

/** Requests that the test ends by hand. */
function requests(limiter: RequestLimiter) {
  const begun: PromiseWithResolvers<void>[] = [];
  const begin = (signal?: AbortSignal): Promise<void> => {
    const request = limiter.run(() => {
      const gate = Promise.withResolvers<void>();
      begun.push(gate);
      return gate.promise;
    }, signal);
    request.catch(() => undefined);
    return request;
  };
  return { begun, begin };
}

const settle = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

describe('a limiter of requests', () => {
  test('runs so many at once and the others in their order', async () => {
    const limiter = new RequestLimiter({ most: 2, isThrottling });
    const order: number[] = [];
    let running = 0;
    let highest = 0;
    await Promise.all(
      Array.from({ length: 10 }, (_, i) =>
        limiter.run(async () => {
          highest = Math.max(highest, ++running);
          order.push(i);
          await settle();
          running--;
        }),
      ),
    );
    expect(highest).toBe(2);
    expect(order).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8, 9]);
  });

  test('halves once for all requests that were under way when the store asked for fewer', async () => {
    const limiter = new RequestLimiter({ most: 16, isThrottling });
    const { begun, begin } = requests(limiter);
    const all = Array.from({ length: 20 }, () => begin());
    await settle();
    expect(begun).toHaveLength(16);
    for (const gate of begun) gate.reject(throttled);
    await Promise.allSettled(all.slice(0, 16));
    expect(limiter.limit).toBe(8);
    await settle();
    expect(begun).toHaveLength(20);
    begun[16]?.reject(throttled);
    await Promise.allSettled([all[16]]);
    expect(limiter.limit).toBe(4);
  });

  test('starts none while more run than the new limit allows', async () => {
    const limiter = new RequestLimiter({ most: 4, isThrottling });
    const { begun, begin } = requests(limiter);
    const all = Array.from({ length: 6 }, () => begin());
    await settle();
    begun[0]?.reject(throttled);
    await Promise.allSettled([all[0]]);
    await settle();
    expect(limiter.limit).toBe(2);
    expect(begun).toHaveLength(4);
    begun[1]?.resolve();
    await settle();
    expect(begun).toHaveLength(4);
    begun[2]?.resolve();
    await settle();
    expect(begun).toHaveLength(5);
  });

  test('never falls below one, and grows back to where it began', async () => {
    const limiter = new RequestLimiter({ most: 8, isThrottling });
    for (let i = 0; i < 10; i++) await limiter.run(() => Promise.reject(throttled)).catch(() => undefined);
    expect(limiter.limit).toBe(1);
    await limiter.run(async () => undefined);
    expect(limiter.limit).toBe(2);
    for (let i = 0; i < 100; i++) await limiter.run(async () => undefined);
    expect(limiter.limit).toBe(8);
  });

  test('other failures change nothing and come through', async () => {
    const limiter = new RequestLimiter({ most: 4, isThrottling });
    await expect(limiter.run(() => Promise.reject(failed))).rejects.toBe(failed);
    expect(limiter.limit).toBe(4);
  });

  test('an abort ends the wait for a turn with its reason, and the turn goes to the next', async () => {
    const limiter = new RequestLimiter({ most: 1, isThrottling });
    const { begun, begin } = requests(limiter);
    const reason = new WaybillError('INTERRUPTED', 'enough');
    const controller = new AbortController();
    void begin();
    const waiting = begin(controller.signal);
    const next = begin();
    controller.abort(reason);
    await expect(waiting).rejects.toBe(reason);
    begun[0]?.resolve();
    await settle();
    begun[1]?.resolve();
    await next;
    expect(begun).toHaveLength(2);
    await expect(begin(AbortSignal.abort(reason))).rejects.toBe(reason);
  });
});
