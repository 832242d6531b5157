import { type TestClient, testClient } from '../support/raw.ts';
import {
  capped,
  clustered,
  collated,
  empty,
  extremes,
  indexed,
  validated,
  view,
  zeroTimestamps,
} from './collections.ts';
import type { CorpusCollection, CorpusDocument } from './entry.ts';
import { ids, numberIds } from './ids.ts';
import { names } from './names.ts';
import { values } from './values.ts';

/** The odd documents: everything that BSON allows and that tools tend to change. */
export const corpus: readonly CorpusCollection[] = [
  values,
  names,
  ids,
  ...numberIds,
  collated,
  capped,
  clustered,
  validated,
  indexed,
  extremes,
  zeroTimestamps,
  empty,
  view,
];

/** For tests of bytes alone. */
export const corpusDocuments: readonly CorpusDocument[] = corpus.flatMap(({ documents }) => documents);

export interface InsertedCollection {
  readonly collection: CorpusCollection;
  /**
   * What the server holds now, in the order of insertion: the documents' bytes as it should have
   * stored them.
   */
  readonly documents: readonly { readonly name: string; readonly bytes: Buffer }[];
}

export interface InsertOptions {
  readonly database?: string;
  /** Default: all that the server's version has. */
  readonly only?: (collection: CorpusCollection) => boolean;
}

/** Puts the corpus into a deployment, byte for byte, and returns what should be there now. */
export async function insertCorpus(
  uri: string,
  { database = 'odd', only = () => true }: InsertOptions = {},
): Promise<readonly InsertedCollection[]> {
  await using client = await testClient(uri);
  const { version } = await client.command('admin', { buildInfo: 1 });
  const release = Number.parseFloat(version);
  const inserted: InsertedCollection[] = [];
  for (const collection of corpus) {
    if (release < (collection.since ?? 0) || !only(collection)) continue;
    inserted.push(await insertCollection(client, database, collection, release));
  }
  return inserted;
}

async function insertCollection(
  client: TestClient,
  database: string,
  collection: CorpusCollection,
  release: number,
): Promise<InsertedCollection> {
  await client.command(database, { create: collection.name, ...collection.options });
  const documents = collection.documents.filter(({ since = 0 }) => release >= since);
  const bypass = release >= 8 ? { bypassEmptyTsReplacement: true } : {};
  await client.insert(
    database,
    collection.name,
    documents.map(({ bytes }) => bytes),
    bypass,
  );
  const indexes = collection.indexes.filter(({ since = 0 }) => release >= since).map(({ spec }) => spec);
  if (indexes.length > 0) await client.command(database, { createIndexes: collection.name, indexes });
  return {
    collection,
    documents: documents.map(({ name, bytes, changedByServer }) => ({
      name,
      bytes: changedByServer?.becomes ?? bytes,
    })),
  };
}
