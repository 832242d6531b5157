import { sleep } from '@waybill/shared/base/lifecycle';

const LOOKS = 3;
const PAUSE_MS = 200;

/**
 * An object is missing only if three looks do not find it: a consistent store may still have a
 * cache in front of it. Waiting for a moment is better than calling a whole stream damaged.
 */
export async function lookAgain<T>(look: () => Promise<T | null>, signal?: AbortSignal): Promise<T | null> {
  for (let left = LOOKS; ; left--) {
    const found = await look();
    if (found !== null || left === 1) return found;
    await sleep(PAUSE_MS, signal);
  }
}
