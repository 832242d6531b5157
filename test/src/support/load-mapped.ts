/** For tests of loads under other names. */
import { fromObject } from '@waybill/shared/bson/build';
import { itLoads } from './fresh-load.ts';

export const one = (id: number, n = 0): Buffer => fromObject({ _id: id, n });

/**
 * {@link itLoads} with an `other` database of the target. `onTarget` tells what stands in both:
 * `collection: _id:n …`, sorted, those of the other one with its name.
 */
export function itLoadsMapped(targetUri: () => string) {
  return itLoads(targetUri, 'mapped')
    .extend('other', async ({ client, database }, { onCleanup }) => {
      const other = `${database}_other`;
      onCleanup(async () => {
        await client.client.db(other).dropDatabase();
      });
      return other;
    })
    .extend('onTarget', ({ client, database, other }) => async (): Promise<string[]> => {
      const lines: string[] = [];
      for (const name of [database, other]) {
        const db = client.client.db(name);
        for (const { name: collection } of await db.listCollections({}, { nameOnly: true }).toArray()) {
          if (collection.startsWith('system.')) continue;
          const documents = await db.collection(collection).find().sort({ _id: 1 }).toArray();
          const prefix = name === other ? 'other.' : '';
          const found = documents.map(({ _id, n }) => `${_id}:${n}`).join(' ');
          lines.push(`${prefix}${collection}: ${found}`.trim());
        }
      }
      return lines.sort();
    });
}
