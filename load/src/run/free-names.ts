/** At a load's first start: other loads hold none of the collections that it would write. */
import { DEFAULT_RETRY, retry } from '@waybill/shared/base/retry';
import { NamespaceFilter } from '@waybill/shared/mongo/facts/namespace-filter';
import type { NamePair } from '../mapping/name-mapping.ts';
import { heldByLoad, isHeld } from '../structure/held.ts';
import type { Target } from '../target/target.ts';

/**
 * Before anything is written: later, each collection is looked at when it is made.
 * @throws TARGET_NOT_EMPTY
 */
export async function assertFree(
  target: Target,
  names: readonly NamePair[],
  { load, progressDatabase }: { readonly load: string; readonly progressDatabase: string },
  signal: AbortSignal,
): Promise<void> {
  const store = target.progress(progressDatabase);
  const ask = <T>(operation: () => Promise<T>): Promise<T> => retry(operation, DEFAULT_RETRY, { signal });
  const holders = await ask(() => store.holders(names.map(({ namespace }) => namespace)));
  const others = holders.filter((holder) => holder.load !== load);
  if (others.length === 0) return;
  const filter = new NamespaceFilter({ include: others.map(({ namespace }) => namespace) });
  const standing = await ask(() => target.reader.catalog(filter, signal));
  const held = standing.find((entry) => entry.type === 'collection' && isHeld(entry, others));
  if (held) throw await heldByLoad(held.namespace, target.url, store, ask);
}
