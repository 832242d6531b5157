/** Writing to collections that the target shards by other fields than `_id`. */
import type { RunningCluster } from '@waybill/demo/servers/cluster';
import { readShardKeys } from '@waybill/load/target/mongodb/shard-keys';
import { type Logger, silentLogger } from '@waybill/shared/base/logger';
import { fromObject, type Plain } from '@waybill/shared/bson/build';
import { openBucket } from '@waybill/shared/bucket/open/open-bucket';
import { connect } from '@waybill/shared/mongo/driver/connect';
import type { MongoConnection } from '@waybill/shared/mongo/driver/connection';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { Migration } from '../e2e/migration.ts';
import { awaitUntil } from '../support/await-until.ts';
import { temporaryBucket } from '../support/bucket.ts';
import { caughtUp, connectSource, mark, startCapture } from '../support/capturing.ts';
import { compareDeployments } from '../support/compare.ts';
import { openWriter } from '../support/placed-writer.ts';
import { type TestClient, testClient } from '../support/raw.ts';
import { load } from '../support/run-load.ts';
import { describeWithServer, startShardedCluster, uniqueName } from '../support/servers.ts';
import { onFirstShard, shard, shardsOf, spreadOf } from '../support/sharding.ts';

const SPLIT = 1000;
/** Long enough to be met, and short enough to be waited for. */
const ORPHANS_STAY_SECONDS = 3;

await describeWithServer('a collection that the target shards by its own key', (servers) => {
  let cluster: RunningCluster;
  let client: TestClient;

  beforeAll(async () => {
    cluster = await startShardedCluster([], {
      orphanCleanupDelaySecs: ORPHANS_STAY_SECONDS,
      reshardingMinimumOperationDurationMillis: 0,
      reshardingDelayBeforeRemainingOperationTimeQueryMillis: 0,
    });
    client = await testClient(cluster.uri);
  });
  afterAll(async () => {
    await client?.[Symbol.asyncDispose]();
    await cluster?.stop();
  });

  const made = async (key?: Readonly<Record<string, unknown>>): Promise<string> => {
    const namespace = `${uniqueName('sharded')}.docs`;
    await shard(client, namespace, key ? { key } : { key: { k: 1 }, split: { k: SPLIT } });
    return namespace;
  };
  const stored = async (namespace: string): Promise<unknown[]> => {
    const [database, name] = namespace.split('.') as [string, string];
    return client.client
      .db(database)
      .collection(name)
      .find({}, { sort: { _id: 1, k: 1 } })
      .toArray();
  };
  const row = (fields: Readonly<Record<string, Plain>>): Buffer => fromObject(fields);

  it('moves a document whose key has changed, and deletes it wherever it stands', async () => {
    const namespace = await made();
    await using opened = await openWriter(cluster.uri, namespace);
    const { writer, batch } = opened;
    expect(opened.scope.placement.paths.map(({ path }) => path.toString())).toEqual(['k']);
    const states: Readonly<Record<string, Plain>>[] = [
      { _id: 1, k: 5 },
      { _id: 1, k: 2000 },
      { _id: 1, k: 7 },
      { _id: 1, k: 7n },
      { _id: 1, k: null },
      { _id: 1 },
      { _id: 1, k: { $gt: 1 } },
      { _id: 1, k: 'text', a: 1 },
      { _id: 1n, k: 3 },
    ];
    // A replace guesses, an insert is one of a repeated window.
    for (const how of ['upsert', 'replace', 'insertNew'] as const) {
      for (const state of states) {
        await writer[how](batch(row({ _id: 0, k: 5000, n: how })));
        await writer[how](batch(row(state)));
        const { documents, repeated } = await spreadOf(client, namespace);
        expect([documents.reduce((a, b) => a + b), repeated], String(state.k)).toEqual([2, []]);
      }
    }
    await writer.remove(batch(row({ _id: 1, k: 'another' }), row({ _id: 9 })));
    expect(await stored(namespace)).toEqual([{ _id: 0, k: 5000, n: 'insertNew' }]);
  });

  it('removes a second document of an _id that somebody left there', async () => {
    const namespace = await made();
    const [database, name] = namespace.split('.') as [string, string];
    await client.insert(database, name, [row({ _id: 1, k: 1 }), row({ _id: 1, k: 2000 })]);
    await using opened = await openWriter(cluster.uri, namespace);
    const { writer, batch } = opened;
    await writer.upsert(batch(row({ _id: 1, k: 2000, n: 1 })));
    expect(await stored(namespace)).toEqual([{ _id: 1, k: 2000, n: 1 }]);
  });

  it('refuses an array in a field of the key, and writes its neighbours', async () => {
    const namespace = await made({ k: 1, 'a.b': 1 });
    await using opened = await openWriter(cluster.uri, namespace);
    const { writer, batch } = opened;
    const bad = [
      { _id: 2, k: [1] },
      { _id: 3, k: 1, a: [{ b: 1 }] },
    ];
    const refusals = await writer.upsert(batch(row({ _id: 1, k: 1 }), ...bad.map(row), row({ _id: 4 })));
    expect(refusals).toMatchObject(
      [1, 2].map((sequence) => ({
        by: 'check',
        rule: 'shard-key',
        places: [{ sequence }],
      })),
    );
    const snapshot = { ...batch(), documents: bad.map(row), first: 7 };
    const fromSnapshot = await writer.insert(snapshot);
    expect(fromSnapshot).toMatchObject([{ code: 61, places: [{ sequence: 7 }] }, { code: 61 }]);
    expect(await stored(namespace)).toEqual([{ _id: 1, k: 1 }, { _id: 4 }]);
  });

  it('waits for the end of a copy that a migration of chunks has left behind', async () => {
    const namespace = await made();
    await using opened = await openWriter(cluster.uri, namespace);
    const { writer, batch } = opened;
    await writer.upsert(batch(row({ _id: 1, k: 5 })));
    const admin = client.client.db('admin');
    await admin.command({ split: namespace, middle: { k: 0 } });
    const [, second] = await shardsOf(client);
    await admin.command({ moveChunk: namespace, find: { k: 5 }, to: second?._id });
    expect(await writer.upsert(batch(row({ _id: 1, k: -5 })))).toEqual([]);
    expect(await spreadOf(client, namespace)).toEqual({ documents: [1, 0], repeated: [] });
  });

  it('goes on where a collection is sharded, resharded and unsharded', async () => {
    const database = uniqueName('later');
    const namespace = `${database}.docs`;
    await onFirstShard(client, database);
    await using opened = await openWriter(cluster.uri, namespace);
    const { writer, batch, placements, scope } = opened;
    const admin = client.client.db('admin');
    const paths = () => scope.placement.paths.map(({ path }) => path.toString());
    const write = async (...documents: Readonly<Record<string, Plain>>[]) => {
      expect(await writer.upsert(batch(...documents.map(row)))).toEqual([]);
      expect((await spreadOf(client, namespace)).repeated).toEqual([]);
      expect(await stored(namespace)).toEqual(documents);
    };
    await write({ _id: 1, k: 1, m: 1 }, { _id: 2, k: 2, m: 2 });
    await client.command(database, { createIndexes: 'docs', indexes: [{ key: { k: 1 }, name: 'k' }] });
    await shard(client, namespace, { key: { k: 1 }, split: { k: SPLIT } });
    expect(paths()).toEqual([]);
    await write({ _id: 1, k: 1001, m: 1 }, { _id: 2, k: 2, m: 3 });
    expect([paths(), placements.changes]).toEqual([['k'], 1]);
    await admin.command({ reshardCollection: namespace, key: { m: 'hashed' }, numInitialChunks: 4 });
    await write({ _id: 1, k: 1001, m: 44 }, { _id: 2, k: 2, m: 45 });
    await placements.refresh();
    expect([paths(), placements.changes]).toEqual([['m'], 2]);
    const [first] = await shardsOf(client);
    await admin.command({ unshardCollection: namespace, toShard: first?._id });
    await placements.refresh();
    expect([paths(), placements.changes]).toEqual([[], 3]);
    await write({ _id: 1, k: 0, m: 0 }, { _id: 2, k: 2000, m: 2000 });
  });

  it('applies changes again that may have gone by an old key', async () => {
    const database = uniqueName('meanwhile');
    await onFirstShard(client, database);
    await using source = await testClient(servers.source.uri);
    const docs = source.client.db(database).collection<{ _id: number; k: number }>('docs');
    const ids = Array.from({ length: 60 }, (_, _id) => _id);
    await docs.insertMany(ids.map((_id) => ({ _id, k: _id })));
    await using folder = await temporaryBucket();
    const bucket = await openBucket(folder.url);
    await using reading = await connectSource(servers.source.uri);
    const capture = startCapture(reading, bucket, { include: [`${database}.*`] });
    await caughtUp(bucket);
    const move = (by: number) =>
      Promise.all(ids.map((_id) => docs.updateOne({ _id }, { $set: { k: (_id * 37 + by) % (2 * SPLIT) } })));
    const stopping = new AbortController();
    const warnings: string[] = [];
    const warn = (text: string) => void warnings.push(text);
    const logger: Logger = { ...silentLogger, warn, child: () => logger };
    const where = { bucketUrl: folder.url, targetUri: cluster.uri };
    const loading = load({ ...where, signal: stopping.signal, logger });
    await awaitUntil(
      'the snapshot is there',
      async () => (await stored(`${database}.docs`)).length === ids.length,
    );
    await move(100);
    await client.command(database, { createIndexes: 'docs', indexes: [{ key: { k: 1 }, name: 'k' }] });
    await shard(client, `${database}.docs`, { key: { k: 1 }, split: { k: SPLIT } });
    for (const by of [900, 300, 1200]) await move(by);
    await mark(source.client.db(database), bucket);
    await capture.stop();
    await awaitUntil('it says so', async () => warnings.some((text) => text.includes('sharded')));
    stopping.abort();
    await loading;
    // Its uuid is another one then, which a load takes for another collection.
    const reshard = { reshardCollection: `${database}.docs`, key: { k: 'hashed' }, numInitialChunks: 4 };
    await client.client.db('admin').command(reshard);
    await load({ ...where, until: 'caught-up' });
    const compared = { databases: [database], structure: false };
    expect(await compareDeployments(servers.source.uri, cluster.uri, compared)).toEqual([]);
    expect((await spreadOf(client, `${database}.docs`)).repeated).toEqual([]);
  });

  it('comes back unsharded after a drop in the stream, and the load warns of it', async () => {
    const database = uniqueName('dropped');
    await shard(client, `${database}.docs`, { key: { k: 1 }, split: { k: SPLIT } });
    await using source = await testClient(servers.source.uri);
    const docs = source.client.db(database).collection<{ _id: number; k: number }>('docs');
    await docs.insertMany([1, 1500].map((k) => ({ _id: k, k })));
    await using folder = await temporaryBucket();
    const bucket = await openBucket(folder.url);
    await using reading = await connectSource(servers.source.uri);
    const capture = startCapture(reading, bucket, { include: [`${database}.*`] });
    await caughtUp(bucket);
    await docs.updateOne({ _id: 1 }, { $set: { k: 1700 } });
    await docs.drop();
    await docs.insertMany([3, 1600].map((k) => ({ _id: k, k })));
    await mark(source.client.db(database), bucket);
    await capture.stop();
    const warnings: string[] = [];
    const warn = (text: string) => void warnings.push(text);
    const logger: Logger = { ...silentLogger, warn, child: () => logger };
    const where = { bucketUrl: folder.url, targetUri: cluster.uri, allowDrop: true };
    await load({ ...where, load: 'dropping', logger, until: 'caught-up' });
    expect(warnings).toContainEqual(expect.stringContaining('is not sharded'));
    expect((await spreadOf(client, `${database}.docs`)).documents.toSorted()).toEqual([0, 2]);
    const compared = { databases: [database], structure: false };
    expect(await compareDeployments(servers.source.uri, cluster.uri, compared)).toEqual([]);
  });

  it('is cut over with the unique indexes that it can have, and names the others', async () => {
    const database = uniqueName('cut');
    const namespace = `${database}.docs`;
    await shard(client, namespace, { key: { k: 1 }, split: { k: SPLIT } });
    await using source = await testClient(servers.source.uri);
    const docs = source.client.db(database).collection<{ _id: number; k: number; mail: string }>('docs');
    await docs.createIndex({ mail: 1 }, { unique: true });
    await docs.createIndex({ k: 1, mail: 1 }, { unique: true });
    await docs.insertMany([1, 2, 1500].map((k) => ({ _id: k, k, mail: `${k}` })));
    const pair = { source: servers.source, target: cluster };
    await using migration = await Migration.create({ servers: pair, databases: [database] });
    const [, endedLoad] = await migration.startSides();
    await docs.updateOne({ _id: 1 }, { $set: { k: 1999 } });
    const refused = await migration.run('cutover');
    expect(refused.exitCode, refused.stderr).toBe(3);
    expect(refused.stderr).toMatch(/mail_1 of \S+: .*prepareUnique/);
    const done = await migration.run('cutover', ['--accept', `blocked:${namespace}.mail_1`]);
    expect(done.exitCode, done.stderr).toBe(0);
    await endedLoad;
    const indexes = await client.client.db(database).collection('docs').indexes();
    expect(indexes.map(({ name, unique = false }) => [name, unique])).toEqual([
      ['_id_', false],
      ['k_1', false],
      ['k_1_mail_1', true],
      ['mail_1', false],
    ]);
    expect(await spreadOf(client, namespace)).toEqual({ documents: [1, 2], repeated: [] });
  });

  it('learns the key as far as the user may know it', async () => {
    const namespace = await made({ k: 'hashed', 'a.b': 1 });
    await using connection = await connect(cluster.uri, { role: 'target' });
    const { signal } = new AbortController();
    const read = (...refused: string[]) =>
      readShardKeys(refusing(connection, refused), [namespace, `${namespace}2`], signal);
    for (const keys of [await read(), await read('collections')]) {
      expect([...keys.keys()]).toEqual([namespace]);
      expect(keys.get(namespace)?.fields).toEqual(['k', 'a.b']);
    }
    const unknown = { code: 'TARGET_UNSUPPORTED', context: { namespace } };
    await expect(read('collections', '$listClusterCatalog')).rejects.toMatchObject(unknown);
    expect(await read('collections', '$listClusterCatalog', 'collStats')).toEqual(new Map());
  });
});

/** A user who may not run commands that name one of these. */
function refusing(connection: MongoConnection, refused: readonly string[]): MongoConnection {
  return {
    role: connection.role,
    url: connection.url,
    server: connection.server,
    command: (database, command, options) => {
      const text = JSON.stringify([command.find, command.pipeline, Object.keys(command)]);
      const isRefused = refused.some((name) => text.includes(name));
      return connection.command(database, isRefused ? { notForYou: 1 } : command, options);
    },
    startSession: (options) => connection.startSession(options),
    close: () => connection.close(),
    [Symbol.asyncDispose]: () => connection[Symbol.asyncDispose](),
  };
}
