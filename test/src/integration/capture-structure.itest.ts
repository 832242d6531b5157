/**
 * What a capture makes of structure: names that come and go, definitions, and time-series
 * collections.
 */
import { openBucket } from '@waybill/shared/bucket/open/open-bucket';
import { expect, it } from 'vitest';
import { awaitUntil } from '../support/await-until.ts';
import { temporaryBucket } from '../support/bucket.ts';
import { caughtUp, connectSource, mark, startCapture } from '../support/capturing.ts';
import { testClient } from '../support/raw.ts';
import { differences, replayStream } from '../support/replay.ts';
import { describeWithServer, type ServerKind, uniqueName } from '../support/servers.ts';

const KINDS: readonly ServerKind[] = ['current', 'oldest'];
for (const kind of KINDS) {
  await describeWithServer(
    `structure changes of a ${kind} server`,
    (servers) => {
      it('follows collections into, out of and within the captured names', async () => {
        const database = uniqueName('names');
        await using client = await testClient(servers.source.uri);
        await using source = await connectSource(servers.source.uri);
        await using folder = await temporaryBucket();
        const bucket = await openBucket(folder.url);
        const db = client.client.db(database);
        await db.collection('in_a').insertMany([
          { _id: 1 as never, a: 1 },
          { _id: 2 as never, a: 2 },
        ]);
        await db.collection('out_b').insertMany([
          { _id: 1 as never, b: 1 },
          { _id: 2 as never, b: 2 },
        ]);
        const capture = startCapture(source, bucket, { include: [`${database}.in_*`, `${database}.marks`] });
        await caughtUp(bucket);

        // Into the captured names, over one that is there, and changed before and after.
        await db.collection('out_b').updateOne({ _id: 1 as never }, { $set: { b: 10 } });
        await db.collection('out_b').rename('in_b');
        await db.collection('in_b').updateOne({ _id: 2 as never }, { $set: { b: 20 } });
        // Within them: the image of the first update must not be the newcomer's.
        await db.collection('in_a').updateOne({ _id: 1 as never }, { $set: { a: 100 } });
        await db.collection('in_a').rename('in_c');
        await db.collection('in_a').insertOne({ _id: 1 as never, newcomer: true });
        await db.collection('in_c').updateOne({ _id: 2 as never }, { $set: { c: 1 } });
        await mark(db, bucket);
        // Out of them.
        await db.collection('in_b').rename('out_c');
        await db.collection('out_c').insertOne({ unseen: true });
        await mark(db, bucket);
        await capture.stop();

        const replayed = await replayStream(bucket, 'default');
        expect(replayed.collections.has(`${database}.in_b`)).toBe(false);
        expect([...replayed.collections.keys()].filter((name) => name.includes('out_'))).toEqual([]);
        expect(await inLines(replayed, client, database)).toEqual([]);
        const reads = replayed.changes.filter(({ operation }) => operation === 'read');
        expect(reads.map(({ namespace }) => namespace)).toContain(`${database}.in_b`);
      });
    },
    { source: kind },
  );
}

await describeWithServer('what capture records of a current server', (servers) => {
  it('records definitions, and changes of structure in order, each a barrier', async () => {
    const database = uniqueName('ddl');
    await using client = await testClient(servers.source.uri);
    await using source = await connectSource(servers.source.uri);
    await using folder = await temporaryBucket();
    const bucket = await openBucket(folder.url);
    const db = client.client.db(database);
    await db.createCollection('collated', { collation: { locale: 'en', strength: 2 } });
    await db.createCollection('capped', { capped: true, size: 100_000 });
    await db
      .collection('capped')
      .insertMany(Array.from({ length: 50 }, (_, n) => ({ _id: (50 - n) as never, n })));
    await db.collection('plain').insertOne({ a: 1 });
    await db.collection('plain').createIndex({ a: 1 }, { unique: true });
    await db.createCollection('view', { viewOn: 'plain', pipeline: [{ $match: { a: 1 } }] });
    const capture = startCapture(source, bucket, { include: [database] });
    await caughtUp(bucket);
    await db.createCollection('later', { collation: { locale: 'fr', strength: 1 } });
    await db.collection('later').insertMany([{ _id: 'a' as never }, { _id: 'b' as never }]);
    await db.collection('later').updateOne({ _id: 'A' as never }, { $set: { found: true } });
    await db.collection('later').createIndex({ x: 1 }, { expireAfterSeconds: 99 });
    await db.command({ collMod: 'later', index: { keyPattern: { x: 1 }, hidden: true } });
    await db.collection('later').dropIndex('x_1');
    await db.collection('later').deleteOne({ _id: 'B' as never });
    await db.collection('later').insertOne({ _id: 'B' as never });
    await db.collection('later').rename('last');
    await db.collection('plain').drop();
    await mark(db, bucket);
    await capture.stop();

    const replayed = await replayStream(bucket, 'default');
    expect(await differences(replayed, client, database)).toEqual([]);
    const { collections, currentCollections } = replayed.state;
    const facts = (name: string) => {
      const found = collections.get(`${database}.${name}`)!;
      return [found.type, found.singleLane, found.capped, found.snapshot, found.indexes.length];
    };
    expect(facts('collated')).toEqual(['collection', true, false, true, 1]);
    expect(facts('capped')).toEqual(['collection', true, true, true, 1]);
    expect(facts('plain')).toEqual(['collection', false, false, true, 2]);
    expect(facts('view')).toEqual(['view', false, false, false, 0]);
    expect(currentCollections.get(`${database}.last`)).toMatchObject({ singleLane: true, snapshot: false });
    expect(currentCollections.has(`${database}.plain`)).toBe(false);
    const ddl = replayed.commits.flatMap((commit) => commit.ddl ?? []);
    expect(ddl.map(({ operation, namespace }) => `${operation} ${namespace.split('.')[1]}`)).toEqual([
      'create later',
      'createIndexes later',
      'modify later',
      'dropIndexes later',
      'rename later',
      'drop plain',
      'create marks',
    ]);
    for (const commit of replayed.commits) {
      if (commit.ddl) expect(commit.segments ?? []).toEqual([]);
    }
    // One lane for all of a collated collection, since `b` and `B` are one key.
    const lanes = replayed.commits.flatMap(({ segments = [] }) =>
      segments.filter((each) => each.kind === 'changes').map(({ lanes = [] }) => lanes.length),
    );
    expect(lanes.every((count) => count === 1)).toBe(true);
  });

  it('refuses time-series collections by name, and goes on without them', async () => {
    const database = uniqueName('series');
    await using client = await testClient(servers.source.uri);
    await using source = await connectSource(servers.source.uri);
    await using folder = await temporaryBucket();
    const bucket = await openBucket(folder.url);
    const db = client.client.db(database);
    await db.createCollection('weather', { timeseries: { timeField: 't' } });
    await db.collection('plain').insertOne({ a: 1 });
    await expect(startCapture(source, bucket, { include: [database] }).ended).rejects.toMatchObject({
      code: 'SOURCE_UNSUPPORTED',
      message: expect.stringContaining(`${database}.weather`),
    });
    const exclude = [`${database}.weather`];
    const again = startCapture(source, bucket, { include: [database], exclude, until: 'caught-up' });
    expect((await again.ended).ended).toBe('caught-up');
    const later = startCapture(source, bucket, { include: [database], exclude });
    await awaitUntil('it goes on', () => later.stats.phase === 'changes');
    await db.createCollection('more', { timeseries: { timeField: 't' } });
    await expect(later.ended).rejects.toMatchObject({ code: 'SOURCE_UNSUPPORTED' });
  });

  it('copies what is in time-series collections where that is asked for', async () => {
    const database = uniqueName('series');
    await using client = await testClient(servers.source.uri);
    await using source = await connectSource(servers.source.uri);
    await using folder = await temporaryBucket();
    const bucket = await openBucket(folder.url);
    const db = client.client.db(database);
    await db.createCollection('weather', { timeseries: { timeField: 't', metaField: 'm' } });
    const measured = Array.from({ length: 500 }, (_, i) => ({ t: new Date(1e12 + i), m: i % 3, i }));
    await db.collection('weather').insertMany(measured);
    await startCapture(source, bucket, {
      include: [database],
      timeSeries: 'snapshot-only',
      until: 'caught-up',
    }).ended;
    const replayed = await replayStream(bucket, 'default');
    expect(replayed.state.totals.snapshotRecords).toBe(500);
    expect(await differences(replayed, client, database)).toEqual([]);
  });
});

/** Like `differences`, for the captured names only. */
async function inLines(
  replayed: Awaited<ReturnType<typeof replayStream>>,
  client: Awaited<ReturnType<typeof testClient>>,
  database: string,
): Promise<string[]> {
  const lines = await differences(replayed, client, database);
  return lines.filter((line) => !line.startsWith(`${database}.out_`));
}
