import { sleep } from '@waybill/shared/base/lifecycle';

const LOOKS = 3;
const PAUSE_MS = 200;

/**
 * What is not there at the third look is not there: a store that promises consistency may still
 * have a cache in front of it, and to call a whole stream damaged is worse than to wait for a
 * moment.
 */
export async function lookAgain<T>(look: () => Promise<T | null>, signal?: AbortSignal): Promise<T | null> {
  for (let left = LOOKS; ; left--) {
    const found = await look();
    if (found !== null || left === 1) return found;
    await sleep(PAUSE_MS, signal);
  }
}
