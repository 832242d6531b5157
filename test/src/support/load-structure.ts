import type { RestoreKind, RestoreReport } from '@waybill/load/cutover/collection-restore';
import { restoreHeldBack } from '@waybill/load/cutover/restore';
import { silentLogger } from '@waybill/shared/base/logger';
import { itLoads } from './fresh-load.ts';
import { connectTarget } from './target/connect-target.ts';

/** Uuids of collections. */
export const A = 'a'.repeat(32);
export const B = 'b'.repeat(32);
export const C = 'c'.repeat(32);

/**
 * {@link itLoads} for tests of structure: what stands in the target's database, and giving back
 * what was held back.
 */
export function itLoadsStructure(targetUri: () => string, stem: string) {
  return itLoads(targetUri, stem)
    .extend('restore', () => async (...kinds: RestoreKind[]): Promise<RestoreReport[]> => {
      await using target = await connectTarget(targetUri());
      const settings = { load: 'default', progressDatabase: 'waybill', ...(kinds.length > 0 && { kinds }) };
      return await restoreHeldBack(settings, {
        target,
        logger: silentLogger,
        signal: new AbortController().signal,
      });
    })
    .extend('indexes', ({ client, database }) => async (collection = 'orders') => {
      const list = await client.client.db(database).collection(collection).indexes();
      return new Map(list.filter(({ name }) => name !== '_id_').map((index) => [index.name, index]));
    })
    .extend('collections', ({ client, database }) => async (): Promise<string[]> => {
      const list = await client.client.db(database).listCollections({}, { nameOnly: true }).toArray();
      return list
        .map(({ name }) => name)
        .filter((name) => !name.startsWith('system.'))
        .sort();
    })
    .extend('ids', ({ client, database }) => async (collection: string): Promise<unknown[]> => {
      const found = client.client.db(database).collection(collection).find().sort({ _id: 1 });
      return (await found.toArray()).map(({ _id }) => _id);
    });
}
