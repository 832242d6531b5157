/**
 * A load's progress and its data stand in different collections. Both may be in one database: a
 * load drops only what it made, by its name.
 */
import { WaybillError } from '@waybill/shared/base/errors';
import { DEFAULT_RETRY, retry } from '@waybill/shared/base/retry';
import type { NamePair } from '../mapping/name-mapping.ts';
import type { Target } from '../target/target.ts';

/**
 * At the first start, while another database can still be chosen. @throws TARGET_PROGRESS_COLLISION
 */
export async function assertApart(
  target: Target,
  names: readonly NamePair[],
  progressDatabase: string,
  signal: AbortSignal,
): Promise<void> {
  const store = target.progress(progressDatabase);
  const { namespace } = store;
  const hint = `Choose another database for the progress: --progress-database ${progressDatabase}_progress.`;
  const contents = await retry(() => store.contents(signal), DEFAULT_RETRY, { signal });
  if (contents === 'other documents') {
    throw collision(
      `${namespace} on the target ${target.url} holds documents that are not a load's progress`,
      hint,
    );
  }
  const own = names.find((each) => each.namespace === namespace);
  if (own) throw collision(ownCollection(own), hint);
}

/** For a collection that comes later. @throws TARGET_PROGRESS_COLLISION */
export function assertNotProgress(names: NamePair, progress: { readonly namespace: string }): void {
  if (names.namespace !== progress.namespace) return;
  throw collision(
    `${ownCollection(names)}, and there the load keeps its progress`,
    'This load cannot move its progress. Start another load (--load) with --progress-database, into a target that has none of its collections; or leave the collection out of that load with --exclude.',
  );
}

function ownCollection({ namespace, source }: NamePair): string {
  const name = source === namespace ? '' : `, which is ${namespace} on the target`;
  return `the stream has a collection ${source} of the source's own${name}`;
}

function collision(message: string, hint: string): WaybillError {
  return new WaybillError('TARGET_PROGRESS_COLLISION', message, { hint });
}
