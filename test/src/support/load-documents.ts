import { boolean, buildDocument, int32, string } from '@waybill/shared/bson/build';
import type { RawElement } from '@waybill/shared/bson/raw';
import { documentId } from '@waybill/shared/bson/statement';
import { expect } from 'vitest';
import { itLoads } from './fresh-load.ts';
import type { TestClient } from './raw.ts';

/** {@link itLoads} for tests of documents: what the target's collections hold, byte for byte. */
export function itLoadsDocuments(targetUri: () => string, stem: string) {
  return itLoads(targetUri, stem)
    .extend('stored', ({ client, database }) => async (collection = 'orders') => {
      const found = new Map<string, Buffer>();
      for await (const document of client.read(database, collection))
        found.set(idText(documentId(document)), document);
      return found;
    })
    .extend('expectStored', ({ stored }) => async (documents: readonly Buffer[], collection = 'orders') => {
      expect([...(await stored(collection)).values()].map(hex).sort()).toEqual(documents.map(hex).sort());
    });
}

export function order(id: RawElement, state: number): Buffer {
  return buildDocument([
    ['_id', id],
    ['state', int32(state)],
    ['2', string('two')],
    ['1', boolean(true)],
  ]);
}

export const hex = (bytes: Buffer): string => bytes.toString('hex');
const idText = ({ type, bytes }: RawElement): string => `${type}:${Buffer.from(bytes).toString('hex')}`;

/** Of the lanes of the load `default`. */
export async function cursors(client: TestClient): Promise<{ seq: number }[]> {
  const found = await client.client
    .db('waybill')
    .collection<{ _id: string; seq: number }>('progress')
    .find({ _id: /^default\/lane\// })
    .toArray();
  return found;
}
