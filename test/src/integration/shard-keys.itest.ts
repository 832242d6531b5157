import { runFsck } from '@waybill/audit/fsck/fsck';
import { newFsckStats } from '@waybill/audit/fsck/stats';
import type { RunningCluster } from '@waybill/demo/servers/cluster';
import { openBucket } from '@waybill/shared/bucket/open/open-bucket';
import type { CommittedPosition } from '@waybill/shared/manifest/commit';
import { readManifest } from '@waybill/shared/manifest/log';
import { ManifestWriter } from '@waybill/shared/manifest/writer';
import type { MongoConnection } from '@waybill/shared/mongo/driver/connection';
import type { ClientSession, Db } from 'mongodb-4-0';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { type TemporaryBucket, temporaryBucket } from '../support/bucket.ts';
import { caughtUp, connectSource, mark, startCapture } from '../support/capturing.ts';
import { compareDeployments } from '../support/compare.ts';
import { type TestClient, testClient } from '../support/raw.ts';
import { differences, replayStream } from '../support/replay.ts';
import { load } from '../support/run-load.ts';
import { describeWithServer, startShardedCluster, uniqueName } from '../support/servers.ts';
import { verify } from '../support/verifying.ts';

/** Documents below stand on the first shard, the others on the second. */
const SPLIT = 1000;
/** Documents that are moved in one form. */
const EACH = 10;

interface Doc {
  readonly _id: number;
  readonly k: number;
  readonly n: number;
}

await describeWithServer('a collection sharded by another field than _id', (servers) => {
  let cluster: RunningCluster;
  let client: TestClient;
  let source: MongoConnection;

  beforeAll(async () => {
    cluster = await startShardedCluster();
    client = await testClient(cluster.uri);
    source = await connectSource(cluster.uri);
  });
  afterAll(async () => {
    await source?.close();
    await client?.[Symbol.asyncDispose]();
    await cluster?.stop();
  });

  const sharded = async (): Promise<Db> => {
    const database = uniqueName('keys');
    const admin = client.client.db('admin');
    const { shards } = (await admin.command({ listShards: 1 })) as unknown as { shards: { _id: string }[] };
    await admin.command({ enableSharding: database, primaryShard: shards[0]?._id });
    const namespace = `${database}.docs`;
    await admin.command({ shardCollection: namespace, key: { k: 1 } });
    await admin.command({ split: namespace, middle: { k: SPLIT } });
    await admin.command({ moveChunk: namespace, find: { k: SPLIT }, to: shards[1]?._id });
    return client.client.db(database);
  };
  const loaded = (folder: TemporaryBucket, name: string) =>
    load({ bucketUrl: folder.url, targetUri: servers.target.uri, load: name, until: 'caught-up' });

  it('keeps every document whose shard key changes', async () => {
    const db = await sharded();
    const database = db.databaseName;
    const docs = db.collection<Doc>('docs');
    await docs.insertMany(Array.from({ length: FORMS.length * EACH }, (_, _id) => ({ _id, k: _id, n: 0 })));
    await using folder = await temporaryBucket();
    const bucket = await openBucket(folder.url);
    const capture = startCapture(source, bucket, { include: [database] });
    await caughtUp(bucket);
    await Promise.all(FORMS.map((form, at) => moved(db, form, at * EACH)));
    await mark(db, bucket);
    await capture.stop();
    const replayed = await replayStream(bucket, 'default');
    expect(await differences(replayed, client, database)).toEqual([]);
    const checked = await runFsck({ stream: 'default', deep: true }, { bucket, stats: newFsckStats() });
    expect(checked.findings).toEqual([]);
    await loaded(folder, database);
    const found = await compareDeployments(cluster.uri, servers.target.uri, { databases: [database] });
    expect(found).toEqual([]);
    expect(await docs.countDocuments()).toBe(FORMS.length * EACH);
  });

  it('stops at two documents of one _id, and goes on once there is one', async () => {
    const db = await sharded();
    const include = [db.databaseName];
    const docs = db.collection<Doc>('docs');
    await using folder = await temporaryBucket();
    const bucket = await openBucket(folder.url);
    const refused = {
      code: 'SOURCE_DUPLICATE_ID',
      context: { namespace: `${db.databaseName}.docs`, ids: 1 },
    };
    const both = (_id: number) =>
      docs.insertMany([
        { _id, k: _id, n: 0 },
        { _id, k: SPLIT + _id, n: 1 },
      ]);
    await docs.insertMany([1, 2, 3, 4].map((_id) => ({ _id, k: _id, n: 0 })));
    await both(5);
    await expect(startCapture(source, bucket, { include }).ended).rejects.toMatchObject(refused);
    const exclude = [`${db.databaseName}.docs`];
    await using without = await temporaryBucket();
    const other = await openBucket(without.url);
    await expect(startCapture(source, other, { include }).ended).rejects.toMatchObject(refused);
    await startCapture(source, other, { include, exclude, until: 'caught-up' }).ended;
    await docs.deleteOne({ _id: 5, k: 5 });
    const capture = startCapture(source, bucket, { include });
    await caughtUp(bucket);
    await docs.insertOne({ _id: 1, k: SPLIT, n: 1 });
    await docs.updateOne({ _id: 1, k: 1 }, { $inc: { n: 1 } });
    await expect(capture.ended).rejects.toMatchObject(refused);
    // The delete is of one of them; the other one stays.
    await docs.deleteOne({ _id: 1, k: SPLIT });
    await both(6);
    await docs.deleteOne({ _id: 6, k: 6 });
    await startCapture(source, bucket, { include, until: 'caught-up' }).ended;
    expect(await differences(await replayStream(bucket, 'default'), client, db.databaseName)).toEqual([]);
    await loaded(folder, db.databaseName);
    const pair = { source: cluster, target: servers.target };
    expect(await verify(pair, include)).toMatchObject({ same: true });

    // Its insert alone tells the capture nothing.
    await docs.insertMany([2, 3].map((_id) => ({ _id, k: SPLIT + _id, n: 0 })));
    await startCapture(source, bucket, { include, until: 'caught-up' }).ended;
    await loaded(folder, db.databaseName);
    const { same, collections, differences: named } = await verify(pair, include);
    expect({ same, collections }).toMatchObject({
      same: false,
      collections: [{ sourceDocuments: 8, targetDocuments: 6, duplicates: 2 }],
    });
    const duplicates = named.filter(({ kind }) => kind === 'duplicate').map(({ id }) => id);
    expect(duplicates).toEqual(['{"_id":{"$numberInt":"2"}}', '{"_id":{"$numberInt":"3"}}']);
  });

  it('refuses a position whose last event the cluster does not have', async () => {
    const db = await sharded();
    const include = [db.databaseName];
    await using folder = await temporaryBucket();
    const bucket = await openBucket(folder.url);
    await db.collection<Doc>('docs').insertOne({ _id: 1, k: 1, n: 0 });
    const capture = startCapture(source, bucket, { include });
    await caughtUp(bucket);
    await mark(db, bucket);
    await capture.stop();
    const { position } = (await readManifest(bucket, 'default')) as { position: CommittedPosition };
    const [seconds, increment] = (position.lastEvent ?? '').split(':').map(Number) as [number, number];
    const body = { position: { ...position, lastEvent: `${seconds}:${increment + 1000}` } };
    const writer = await ManifestWriter.acquire({ bucket, prefix: 'default', writer: 'test', body });
    await writer.close();
    const refused = { code: 'SOURCE_HISTORY_CHANGED', exitCode: 5 };
    await expect(startCapture(source, bucket, { include }).ended).rejects.toMatchObject(refused);
  });

  /** Moves the documents from `first` on, some of them several times. */
  async function moved(db: Db, form: Form, first: number): Promise<void> {
    const session = client.client.startSession();
    try {
      for (let _id = first; _id < first + EACH; _id++) await form(db, _id, session);
    } finally {
      await session.endSession();
    }
  }
});

type Form = (db: Db, _id: number, session: ClientSession) => Promise<unknown>;

const move = (db: Db, _id: number, to: number, session?: ClientSession): Promise<unknown> =>
  db.collection<Doc>('docs').updateOne({ _id }, { $set: { k: to }, $inc: { n: 1 } }, session && { session });

/**
 * As applications do it: a retryable write, of either form, and in a transaction; once, there and
 * back, and on within a shard.
 */
const FORMS: readonly Form[] = [
  (db, _id) => move(db, _id, SPLIT + _id),
  (db, _id) => db.collection<Doc>('docs').findOneAndReplace({ _id, k: _id }, { k: SPLIT + _id, n: 7 }),
  (db, _id, session) => session.withTransaction(() => move(db, _id, SPLIT + _id, session)),
  async (db, _id) => {
    await move(db, _id, SPLIT + _id);
    await move(db, _id, _id);
  },
  ...[0, 1, 2].map(
    (): Form => (db, _id, session) =>
      session.withTransaction(async () => {
        await move(db, _id, SPLIT + _id, session);
        await move(db, _id, _id, session);
      }),
  ),
  async (db, _id) => {
    await move(db, _id, _id + 0.5);
    await move(db, _id, SPLIT + _id);
    await db.collection<Doc>('docs').updateOne({ _id }, { $inc: { n: 1 } });
    await db.collection<Doc>('docs').deleteOne({ _id });
    await db.collection<Doc>('docs').insertOne({ _id, k: _id, n: 0 });
  },
];
