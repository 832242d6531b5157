import { setTimeout as sleep } from 'node:timers/promises';

export interface AwaitOptions {
  readonly timeoutMs?: number;
  readonly everyMs?: number;
}

/**
 * Calls `probe` until it returns something truthy, and returns that. The time limit is a safety
 * net, not an assertion.
 */
export async function awaitUntil<T>(
  what: string,
  probe: () => Promise<T> | T,
  { timeoutMs = 60_000, everyMs = 50 }: AwaitOptions = {},
): Promise<NonNullable<T>> {
  const deadline = performance.now() + timeoutMs;
  for (;;) {
    const value = await probe();
    if (value) return value;
    if (performance.now() > deadline) throw new Error(`Waited ${timeoutMs} ms in vain until ${what}`);
    await sleep(everyMs);
  }
}
