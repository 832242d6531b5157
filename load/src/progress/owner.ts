import { DEFAULT_RETRY, retry } from '@waybill/shared/base/retry';
import type { ProgressDocument, ProgressStore } from '../target/progress-store.ts';
import { ownerId } from './keys.ts';

/**
 * The owner document of a load; undefined where nobody ever ran it. Retries while the target is
 * away.
 */
export async function readOwner(
  store: ProgressStore,
  load: string,
  signal: AbortSignal,
): Promise<ProgressDocument | undefined> {
  const id = ownerId(load);
  const found = await retry(() => store.find(id), DEFAULT_RETRY, { signal });
  return found.find(({ _id }) => _id === id);
}
