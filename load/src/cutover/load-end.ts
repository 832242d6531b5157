import { sleep } from '@waybill/shared/lifecycle';
import { ownerId } from '../progress/keys.ts';
import type { ProgressStore } from '../target/target.ts';

const POLL_MS = 200;

/**
 * Waits until the load writes nothing more: it says so when it has seen its cutover, or it has not confirmed its ownership for
 * `silentMs` and so may not write. False where it still lives after `limitMs`. Nobody may use the target before.
 */
export async function waitForLoadToEnd(
  store: ProgressStore,
  load: string,
  { silentMs, limitMs, signal }: { silentMs: number; limitMs: number; signal: AbortSignal },
): Promise<boolean> {
  const started = performance.now();
  let confirmed = '';
  let since = started;
  for (;;) {
    const owner = (await store.find(ownerId(load))).find(({ _id }) => _id === ownerId(load));
    if (!owner || owner.released === true) return true;
    const now = performance.now();
    const sign = JSON.stringify([owner.epoch, owner.confirmedAt]);
    if (sign !== confirmed) {
      confirmed = sign;
      since = now;
    }
    if (now - since >= silentMs) return true;
    if (now - started >= limitMs) return false;
    await sleep(POLL_MS, signal);
  }
}
