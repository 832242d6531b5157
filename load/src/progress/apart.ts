/**
 * A load's progress and its data stand in different collections. Both may be in one database: a
 * load drops only what it made, by its name.
 */
import { WaybillError } from '@waybill/shared/base/errors';
import { DEFAULT_RETRY, retry } from '@waybill/shared/base/retry';
import type { Target } from '../target/target.ts';

/**
 * At the first start, while another database can still be chosen. @throws TARGET_PROGRESS_COLLISION
 */
export async function assertApart(
  target: Target,
  namespaces: readonly string[],
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
  if (!namespaces.includes(namespace)) return;
  throw collision(`the stream has a collection ${namespace} of the source's own`, hint);
}

/** For a collection that comes later. @throws TARGET_PROGRESS_COLLISION */
export function assertNotProgress(namespace: string, progress: { readonly namespace: string }): void {
  if (namespace !== progress.namespace) return;
  throw collision(
    `the stream has a collection ${namespace} of the source's own, and there the load keeps its progress`,
    'This load cannot move its progress. Start another load (--load) with --progress-database, into a target that has none of its collections; or leave the collection out of that load with --exclude.',
  );
}

function collision(message: string, hint: string): WaybillError {
  return new WaybillError('TARGET_PROGRESS_COLLISION', message, { hint });
}
