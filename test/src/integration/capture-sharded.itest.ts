import { openBucket } from '@waybill/shared/bucket/open/open-bucket';
import { readManifest } from '@waybill/shared/manifest/log';
import { milestoneOf } from '@waybill/shared/manifest/state';
import type { Document } from 'mongodb-4-0';
import { expect, it } from 'vitest';
import { awaitUntil } from '../support/await-until.ts';
import { temporaryBucket } from '../support/bucket.ts';
import { connectSource, startCapture } from '../support/capturing.ts';
import { testClient } from '../support/raw.ts';
import { differences, replayStream } from '../support/replay.ts';
import { describeWithServer, startShardedCluster } from '../support/servers.ts';

await describeWithServer('capture of a sharded cluster', () => {
  it('replays to the same bytes, over moves of data that change nothing', { timeout: 300_000 }, async () => {
    await using cluster = await startShardedCluster();
    await using client = await testClient(cluster.uri);
    await using source = await connectSource(cluster.uri);
    await using folder = await temporaryBucket();
    const bucket = await openBucket(folder.url);
    const db = client.client.db('shop');
    const admin = client.client.db('admin');
    await hurryResharding(await admin.command({ getShardMap: 1 }));
    const documents = (count: number) =>
      Array.from({ length: count }, (_, i) => ({ i, pad: 'p'.repeat(100) }));
    await db.collection('whole').insertMany(documents(500));
    // Nothing is written to it again, however often it is moved.
    await db.collection('still').insertMany(documents(300));
    await db.collection('still').createIndex({ i: 1 });
    await admin.command({ shardCollection: 'shop.spread', key: { _id: 'hashed' } });
    await db.collection('spread').insertMany(documents(3000));
    const capture = startCapture(source, bucket, {
      include: ['shop'],
      chunkSize: 100_000,
      segmentSize: 50_000,
    });
    await db.collection('spread').updateMany({ i: { $lt: 300 } }, { $set: { early: true } });
    await db.collection('spread').deleteMany({ i: { $gte: 2900 } });
    await awaitUntil(
      'it has caught up',
      async () => milestoneOf(await readManifest(bucket, 'default'), 'caught-up'),
      { timeoutMs: 100_000 },
    );
    const { shards } = (await admin.command({ listShards: 1 })) as unknown as { shards: { _id: string }[] };
    const home = (
      await client.client
        .db('config')
        .collection('databases')
        .findOne({ _id: 'shop' as never })
    )?.primary;
    const other = shards.map(({ _id }) => _id).find((name) => name !== home);
    // Images of these may be looked for when the collection has its next uuid.
    await db.collection('whole').updateMany({ i: { $gte: 400 } }, { $set: { before: 'movePrimary' } });
    await db.collection('whole').deleteMany({ i: { $gte: 490 } });
    // Makes the collections anew on the other shard, with a `create` of each; that is no creation.
    await admin.command({ movePrimary: 'shop', to: other });
    await db.collection('whole').updateMany({ i: { $lt: 200 } }, { $set: { moved: true } });
    await db.collection('whole').deleteMany({ i: { $lt: 10 } });
    await db.collection('spread').updateMany({ i: { $lt: 100 } }, { $inc: { i: 10_000 } });
    // A new collection with the same data: images of the updates before it are found under no uuid.
    await db.collection('whole').updateMany({ i: { $gte: 450 } }, { $set: { before: 'move' } });
    await admin.command({ moveCollection: 'shop.whole', toShard: home });
    await db.collection('whole').rename('renamed');
    // And this one is a creation, of a name that was moved before: nothing of the first must be
    // left.
    await db.collection('still').drop();
    await db.collection('still').insertMany(documents(20));
    await db.collection('last').insertMany(documents(50));
    await admin.command({ movePrimary: 'shop', to: home });
    await db.collection('renamed').insertOne({ after: 'rename' });
    await db.collection('gone').insertOne({});
    await db.collection('gone').drop();
    await capture.stop();
    await startCapture(source, bucket, { include: ['shop'], until: 'caught-up', chunkSize: 100_000 }).ended;
    // The milestone is there from before; what was written since is proven by a stream that has
    // passed it.
    const replayed = await replayStream(bucket, 'default');
    expect(await differences(replayed, client, 'shop')).toEqual([]);
    expect(replayed.collections.get('shop.renamed')?.size).toBe(481);
    expect(replayed.collections.get('shop.still')?.size).toBe(20);
    expect(replayed.collections.get('shop.last')?.size).toBe(50);
  });
});

/** Moving a collection takes five minutes by default, whatever its size. */
async function hurryResharding(shardMap: Document): Promise<void> {
  const { config } = shardMap.map as Record<string, string>;
  await using direct = await testClient(`mongodb://${config?.split('/')[1]}/?directConnection=true`);
  await direct.command('admin', { setParameter: 1, reshardingMinimumOperationDurationMillis: 0 });
}
