import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { WaybillError } from './errors.ts';
import { StopGrace } from './stop-grace.ts';

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

it('aborts so long after the stop, and not before', async () => {
  const stop = new AbortController();
  using grace = new StopGrace(stop.signal, 5000);
  await vi.advanceTimersByTimeAsync(60_000);
  expect(grace.signal.aborted).toBe(false);
  stop.abort();
  await vi.advanceTimersByTimeAsync(4999);
  expect(grace.signal.aborted).toBe(false);
  await vi.advanceTimersByTimeAsync(1);
  expect(grace.signal.reason).toMatchObject({ code: 'INTERRUPTED' });
});

it('is INTERRUPTED whatever the stop was for, also where it came before', async () => {
  const reason = new WaybillError('LOAD_FENCED', 'a newer one');
  using grace = new StopGrace(AbortSignal.abort(reason), 5000);
  await vi.advanceTimersByTimeAsync(5000);
  expect(grace.signal.reason).toMatchObject({ code: 'INTERRUPTED', message: 'a newer one' });
});

it('leaves nothing behind that would keep the process', async () => {
  const stop = new AbortController();
  const grace = new StopGrace(stop.signal, 5000);
  stop.abort();
  grace[Symbol.dispose]();
  expect(vi.getTimerCount()).toBe(0);
});
