/**
 * The load's progress and the data that it loads stand in different collections. In one database
 * they may be: nothing is dropped there but what the load made, by its name.
 */
import { WaybillError } from '@waybill/shared/base/errors';
import { DEFAULT_RETRY, retry } from '@waybill/shared/base/retry';
import type { MongoConnection } from '@waybill/shared/mongo/driver/connection';
import { PROGRESS_COLLECTION, progressIn } from '@waybill/shared/mongo/facts/own-progress';

/**
 * At the first start, while another database can still be chosen. @throws TARGET_PROGRESS_COLLISION
 */
export async function assertApart(
  target: MongoConnection,
  namespaces: readonly string[],
  progressDatabase: string,
  signal: AbortSignal,
): Promise<void> {
  const namespace = `${progressDatabase}.${PROGRESS_COLLECTION}`;
  const hint = `Choose another database for the progress: --progress-database ${progressDatabase}_progress.`;
  const look = () => progressIn(target, namespace, signal);
  if ((await retry(look, DEFAULT_RETRY, { signal })) === 'other documents') {
    throw collision(`${namespace} on the target ${target.url} holds documents that are no progress`, hint);
  }
  if (!namespaces.includes(namespace)) return;
  throw collision(`the stream has a collection ${namespace} of the source's own`, hint);
}

/** Of one that comes later. @throws TARGET_PROGRESS_COLLISION */
export function assertNotProgress(namespace: string, progress: { readonly namespace: string }): void {
  if (namespace !== progress.namespace) return;
  throw collision(
    `the stream has a collection ${namespace} of the source's own, and there the load keeps its progress`,
    'This load cannot move it. Start another load (--load) with --progress-database, into a target where its collections do not stand yet; or leave the collection out there with --exclude.',
  );
}

function collision(message: string, hint: string): WaybillError {
  return new WaybillError('TARGET_PROGRESS_COLLISION', message, { hint });
}
