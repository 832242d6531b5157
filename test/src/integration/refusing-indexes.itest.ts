/**
 * Indexes that refuse images from the future: an image later than its event meets documents that
 * the stream removes a moment later.
 */
import { fromObject, type Plain } from '@waybill/shared/bson/build';
import { expect, it } from 'vitest';
import { Migration } from '../e2e/migration.ts';
import { itLoadsStructure } from '../support/load-structure.ts';
import { testClient } from '../support/raw.ts';
import { describeWithServer, type TestServers, uniqueName } from '../support/servers.ts';
import { put } from '../support/stream-builder.ts';

type Document = Readonly<Record<string, Plain>>;
interface Refusing {
  readonly what: string;
  readonly index: Document;
  readonly refused: Document;
  readonly target?: keyof TestServers;
  /** The server says too little to find the index to blame, so others are dropped too. */
  readonly vague?: boolean;
}

const CASES: readonly Refusing[] = [
  { what: 'parallel arrays', index: { 'x.a': 1, 'y.b': 1 }, refused: { x: { a: [1, 2] }, y: { b: [3] } } },
  { what: 'a bad point', index: { p: '2dsphere' }, refused: { p: { type: 'Point', coordinates: [999, 9] } } },
  { what: 'a bad flat point', index: { p: '2d' }, refused: { p: [999, 999] } },
  { what: 'an unknown language', index: { t: 'text' }, refused: { t: 'word', language: 'klingon' } },
  { what: 'a hashed array', index: { h: 'hashed' }, refused: { h: [1, 2] } },
  { what: 'an ambiguous number', index: { 'a.0': 1 }, refused: { a: [{ '0': 1 }] } },
  {
    what: 'a key too long',
    index: { k: 1 },
    refused: { k: 'x'.repeat(2000) },
    target: 'source',
    vague: true,
  },
];

/** What servers make of it. */
function stored(index: Document, name: string): Document {
  if (!Object.values(index).includes('text')) return { v: 2, key: index, name };
  const [field] = Object.keys(index);
  return { v: 2, key: { _fts: 'text', _ftsx: 1 }, name, weights: { [field!]: 1 }, textIndexVersion: 3 };
}

await describeWithServer(
  'an index that refuses an image from the future',
  (servers) => {
    for (const { what, index, refused, target = 'target', vague = false } of CASES) {
      const itLoads = itLoadsStructure(() => servers[target].uri, 'refusing');

      itLoads(
        `${what}: is set aside, comes back at the cutover, and only then refuses what stays`,
        async ({ client, database, orders, stream, run, restore, indexes }) => {
          const indexSpecs = ['dropped', 'kept'].map((name) => stored(index, name));
          const others = { v: 2, key: { other: 1, one: 1 }, name: 'other' };
          const collections = indexSpecs.map(({ name }) => `${database}.${name}`);
          await stream.snapshot([
            ...indexSpecs.map((spec) => ({
              namespace: `${database}.${spec.name}`,
              indexes: [fromObject(spec), fromObject(others)],
              documents: [fromObject({ _id: 1 })],
            })),
            { namespace: orders, indexes: [], documents: [] },
          ]);
          await run({ until: 'snapshot-applied' });
          const images = [1, 2, 3, 4].map((_id) => fromObject({ _id, ...refused }));
          for (const namespace of collections) {
            await stream.changes(images.map((image) => put(namespace, image)));
          }
          const [dropped] = indexSpecs;
          await stream.ddl([
            { operation: 'dropIndexes', namespace: collections[0]!, description: { indexes: [dropped!] } },
          ]);
          await stream.changes(
            [2, 3, 4].map((_id) => put(collections[1]!, fromObject({ _id, fine: true }), 'replace')),
          );
          await stream.milestone('caught-up');
          const { indexes: report } = await run();
          const aside = report.filter(({ verdict }) => verdict !== 'ok');
          expect(aside.map(({ name }) => name)).toEqual(vague ? ['other', 'kept', 'other'] : ['kept']);
          for (const { verdict, note } of aside) {
            expect(verdict).toBe('deferred');
            expect(note).toMatch(/^set aside until the cutover/);
          }
          for (const name of ['dropped', 'kept']) {
            expect(await client.client.db(database).collection(name).countDocuments()).toBe(4);
            expect([...(await indexes(name)).keys()]).toEqual(vague ? [] : ['other']);
          }

          expect(await restore()).toContainEqual(
            expect.objectContaining({ index: 'kept', outcome: 'refused' }),
          );
          await client.client.db(database).collection<{ _id: number }>('kept').deleteOne({ _id: 1 });
          const restored = await restore();
          expect(restored.filter(({ outcome }) => outcome !== 'restored')).toEqual([]);
          expect([...(await indexes('kept')).keys()].sort()).toEqual(['kept', 'other']);
          expect([...(await indexes('dropped')).keys()]).toEqual(['other']);
        },
      );
    }

    it('is built by the cutover once the document is mended, before anything is compared', async () => {
      // 4.0 takes no key beyond 1024 bytes.
      const sides = { source: servers.target, target: servers.source };
      const database = uniqueName('mended');
      await using source = await testClient(sides.source.uri);
      const long = source.client.db(database).collection<{ _id: number; k: string }>('long');
      await long.insertOne({ _id: 1, k: 'x'.repeat(2000) });
      await long.createIndex({ k: 1 }, { name: 'k', unique: true });
      await long.createIndex({ j: 1 }, { name: 'j' });
      await using migration = await Migration.create({ servers: sides, databases: [database] });
      await migration.startSides();
      const refused = await migration.run('cutover');
      expect(refused.exitCode, refused.stderr).toBe(3);
      expect(refused.stderr).toMatch(/ k of \S+long: .*key too large/);
      await long.updateOne({ _id: 1 }, { $set: { k: 'short' } });
      // The state after a kill between dropping an index and building it again.
      await using target = await testClient(sides.target.uri);
      await target.client.db(database).collection('long').dropIndex('j');
      const done = await migration.run('cutover');
      expect(done.exitCode, done.stderr).toBe(0);
    });
  },
  { source: 'oldest' },
);
