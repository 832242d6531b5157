import { expect, it } from 'vitest';
import { testClient } from '../support/raw.ts';
import { describeWithServer, type ServerKind, uniqueName } from '../support/servers.ts';
import { zeroTimestamps } from './collections.ts';
import { corpusDocuments, insertCorpus } from './corpus.ts';

const kinds: readonly ServerKind[] = ['current', 'oldest'];

for (const kind of kinds) {
  await describeWithServer(
    `the odd-documents corpus on the ${kind} server`,
    (servers) => {
      it('is stored byte for byte', async () => {
        const database = uniqueName('odd');
        const inserted = await insertCorpus(servers.source.uri, { database });
        await using client = await testClient(servers.source.uri);
        for (const { collection, documents } of inserted) {
          if (collection.options.viewOn) continue;
          const stored = await Array.fromAsync(client.read(database, collection.name, { natural: true }));
          const byBytes = new Set(stored.map((bytes) => bytes.toString('latin1')));
          const changed = documents.filter(({ bytes }) => !byBytes.has(bytes.toString('latin1')));
          expect(
            changed.map(({ name }) => name),
            collection.name,
          ).toEqual([]);
          expect(stored.length, collection.name).toBe(documents.length);
        }
        await client.client.db(database).dropDatabase();
      });

      // Why: an insert's top-level Timestamp(0,0) has always meant "now" to a server. From 8.0 on a
      // client can ask it not to (bypassEmptyTsReplacement); before, there is no way to insert one.
      it('has one value that the server changes unless told not to: a top-level Timestamp(0,0)', async () => {
        const database = uniqueName('zero');
        await using client = await testClient(servers.source.uri);
        const sent = zeroTimestamps.documents.map(({ bytes }) => bytes);
        await client.insert(database, 'plain', sent);
        const [stored] = await Array.fromAsync(client.read(database, 'plain'));
        expect(stored?.length).toBe(sent[0]?.length);
        expect(stored?.equals(sent[0]!)).toBe(false);
        await client.client.db(database).dropDatabase();
      });
    },
    { source: kind },
  );
}

it('names every document once', () => {
  const names = corpusDocuments.map(({ name }) => name);
  expect(names.filter((name, index) => names.indexOf(name) !== index)).toEqual([]);
});
