import { randomBytes } from 'node:crypto';
import type { Bucket } from '@waybill/shared/bucket/bucket';
import { openBucket } from '@waybill/shared/bucket/open-bucket';
import { readManifest } from '@waybill/shared/manifest/log';
import { milestoneOf } from '@waybill/shared/manifest/state';
import { type Db, Long } from 'mongodb-4-0';
import { expect, it } from 'vitest';
import { awaitUntil } from '../support/await-until.ts';
import { temporaryBucket } from '../support/bucket.ts';
import { connectSource, startCapture } from '../support/capturing.ts';
import { testClient } from '../support/raw.ts';
import { differences, replayStream } from '../support/replay.ts';
import { describeWithServer, type ServerKind, startServer, uniqueName } from '../support/servers.ts';

const caughtUp = (bucket: Bucket) =>
  awaitUntil('it has caught up', async () => milestoneOf(await readManifest(bucket, 'default'), 'caught-up'));

/** A write that can be told from all others: once it is in the stream, so is everything before it. */
async function mark(db: Db, bucket: Bucket): Promise<void> {
  const { insertedId } = await db.collection('marks').insertOne({ at: Date.now() });
  const bytes = Buffer.from(insertedId.id);
  await awaitUntil('the mark is in the stream', async () => {
    const { changes } = await replayStream(bucket, 'default');
    return changes.some(({ documentKey }) => Buffer.from(documentKey).includes(bytes));
  });
}

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

      it('keeps a transaction in one commit', async () => {
        const database = uniqueName('transactions');
        await using client = await testClient(servers.source.uri);
        await using source = await connectSource(servers.source.uri);
        await using folder = await temporaryBucket();
        const bucket = await openBucket(folder.url);
        const db = client.client.db(database);
        await db.collection('t').insertOne({ first: true });
        const capture = startCapture(source, bucket, {
          include: [database],
          commitBytes: 20_000,
          commitIntervalMs: 10,
        });
        await caughtUp(bucket);
        for (let round = 0; round < 10; round++) {
          const session = client.client.startSession();
          await session.withTransaction(async () => {
            const documents = Array.from({ length: 17 }, (_, i) => ({ round, i, pad: 'p'.repeat(200) }));
            await db.collection('t').insertMany(documents, { session });
            await db.collection('t').updateMany({ round }, { $set: { touched: round } }, { session });
          });
          await session.endSession();
          await db.collection('t').insertOne({ single: round });
        }
        await mark(db, bucket);
        await capture.stop();

        const replayed = await replayStream(bucket, 'default');
        expect(await differences(replayed, client, database)).toEqual([]);
        expect(replayed.commits.some(({ partialTransaction }) => partialTransaction)).toBe(false);
        const ends = replayed.commits.flatMap(({ segments = [] }) =>
          segments.filter((each) => each.kind === 'changes').map(({ lastSequence }) => lastSequence!),
        );
        expect(ends.length).toBeGreaterThan(5);
        const commitOf = (sequence: number): number => ends.findIndex((end) => sequence <= end);
        const commits = new Map<string, Set<number>>();
        for (const { transaction, sequence } of replayed.changes) {
          if (transaction === null) continue;
          const key = `${Buffer.from(transaction.session).toString('hex')} ${transaction.number}`;
          commits.set(key, (commits.get(key) ?? new Set()).add(commitOf(sequence)));
        }
        expect(commits.size).toBe(10);
        expect([...commits.values()].every((each) => each.size === 1)).toBe(true);
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

  it('takes stored post-images, of events too large for one message as well', async () => {
    const database = uniqueName('post');
    await using client = await testClient(servers.source.uri);
    await using source = await connectSource(servers.source.uri);
    await using folder = await temporaryBucket();
    const bucket = await openBucket(folder.url);
    const db = client.client.db(database);
    await db.createCollection('big', { changeStreamPreAndPostImages: { enabled: true } });
    await db.collection('big').insertMany([{ _id: 1 as never, old: 'o'.repeat(6_000_000) }]);
    await db.collection('small').insertOne({ _id: 1 as never });
    const capture = startCapture(source, bucket, { include: [database], images: 'post' });
    await caughtUp(bucket);
    await db.collection('big').updateOne({ _id: 1 as never }, { $set: { new: 'n'.repeat(9_000_000) } });
    await db.collection('big').updateOne({ _id: 1 as never }, { $set: { x: 1 } });
    await db.collection('small').updateOne({ _id: 1 as never }, { $set: { looked: 'up' } });
    await mark(db, bucket);
    await capture.stop();
    const replayed = await replayStream(bucket, 'default');
    expect(await differences(replayed, client, database)).toEqual([]);
    const updates = replayed.changes.filter(({ operation }) => operation === 'update');
    expect(updates.map(({ documentOrigin }) => documentOrigin)).toEqual(['postImage', 'postImage', 'lookup']);
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

  it('cuts commits whose images would be too large for memory', async () => {
    const database = uniqueName('large');
    await using client = await testClient(servers.source.uri);
    await using source = await connectSource(servers.source.uri);
    await using folder = await temporaryBucket();
    const bucket = await openBucket(folder.url);
    const db = client.client.db(database);
    const pad = 'p'.repeat(60_000);
    await db.collection('fat').insertMany(Array.from({ length: 60 }, (_, i) => ({ _id: i as never, pad })));
    const commitBytes = 100_000;
    const settings = { include: [database], commitBytes, until: 'caught-up' } as const;
    await startCapture(source, bucket, settings).ended;
    await db.collection('fat').updateMany({}, { $set: { touched: true } });
    await startCapture(source, bucket, settings).ended;
    const replayed = await replayStream(bucket, 'default');
    expect(replayed.changes).toHaveLength(60);
    expect(replayed.changes.every(({ documentOrigin }) => documentOrigin === 'lookup')).toBe(true);
    expect(await differences(replayed, client, database)).toEqual([]);
    const sizes = replayed.commits.flatMap(({ segments = [] }) =>
      segments.filter((each) => each.kind === 'changes').map(({ documentBytes }) => documentBytes),
    );
    expect(Math.max(...sizes)).toBeLessThan(3 * commitBytes);
  });

  it('refuses other fixed options, and another cluster', async () => {
    const database = uniqueName('fixed');
    await using client = await testClient(servers.source.uri);
    await using source = await connectSource(servers.source.uri);
    await using target = await connectSource(servers.target.uri);
    await using folder = await temporaryBucket();
    const bucket = await openBucket(folder.url);
    await client.client.db(database).collection('a').insertOne({});
    const settings = { include: [database], until: 'caught-up' } as const;
    await startCapture(source, bucket, settings).ended;
    await expect(startCapture(source, bucket, { ...settings, lanes: 3 }).ended).rejects.toMatchObject({
      code: 'STREAM_OPTIONS_CHANGED',
      message: expect.stringContaining('lanes'),
      hint: expect.stringContaining('--lanes 16'),
    });
    await expect(startCapture(target, bucket, settings).ended).rejects.toMatchObject({
      code: 'STREAM_FOREIGN_SOURCE',
    });
  });

  it('lets exactly one of two captures go on, also an idle one', async () => {
    const database = uniqueName('fenced');
    await using client = await testClient(servers.source.uri);
    await using source = await connectSource(servers.source.uri);
    await using folder = await temporaryBucket();
    const bucket = await openBucket(folder.url);
    const db = client.client.db(database);
    await db.collection('a').insertOne({});
    const first = startCapture(source, bucket, { include: [database] });
    await caughtUp(bucket);
    const second = startCapture(source, bucket, { include: [database] });
    await expect(first.ended).rejects.toMatchObject({ code: 'MANIFEST_FENCED', exitCode: 4 });
    await db.collection('a').insertOne({ after: true });
    await mark(db, bucket);
    await second.stop();
    expect(await differences(await replayStream(bucket, 'default'), client, database)).toEqual([]);
  });

  it('starts at the cluster time without repeating anything when the token does not fit', async () => {
    const database = uniqueName('token');
    await using client = await testClient(servers.source.uri);
    await using source = await connectSource(servers.source.uri);
    await using folder = await temporaryBucket();
    const bucket = await openBucket(folder.url);
    const db = client.client.db(database);
    await db.collection('a').insertOne({ _id: 0 as never });
    const settings = { include: [database], images: 'lookup' } as const;
    const first = startCapture(source, bucket, settings);
    await caughtUp(bucket);
    // One cluster time for all of them.
    const session = client.client.startSession();
    await session.withTransaction(async () => {
      await db.collection('a').insertMany(
        [1, 2, 3].map((n) => ({ _id: n as never })),
        { session },
      );
    });
    await session.endSession();
    await awaitUntil(
      'all are in the stream',
      async () => (await readManifest(bucket, 'default')).lastSequence === 3,
    );
    await first.stop();
    // The position as another server version would have left it: its token is bound to other options.
    const { state } = await replayStream(bucket, 'default');
    const { ManifestWriter } = await import('@waybill/shared/manifest/writer');
    const writer = await ManifestWriter.acquire({
      bucket,
      prefix: 'default',
      writer: randomBytes(4).toString('hex'),
      body: { position: { ...state.position!, options: 'other' } },
    });
    await writer.close();
    const second = startCapture(source, bucket, { ...settings, until: 'caught-up' });
    await second.ended;
    await db.collection('a').insertOne({ _id: 4 as never, long: Long.fromNumber(4) });
    await startCapture(source, bucket, { ...settings, until: 'caught-up' }).ended;
    const replayed = await replayStream(bucket, 'default');
    expect(replayed.changes.filter(({ operation }) => operation === 'insert')).toHaveLength(4);
    expect(await differences(replayed, client, database)).toEqual([]);
  });
});

for (const kind of KINDS) {
  await describeWithServer(
    `a ${kind} source that has lost its history`,
    () => {
      it('is recorded in the stream, and says what to do', async () => {
        // The oplog gives up only what a checkpoint has; those come once a minute otherwise.
        await using server = await startServer({
          kind,
          replSet: 'small',
          oplogMb: 1,
          args: ['--syncdelay', '1'],
        });
        await using client = await testClient(server.uri);
        await using source = await connectSource(server.uri);
        await using folder = await temporaryBucket();
        const bucket = await openBucket(folder.url);
        const db = client.client.db('shop');
        await db.collection('a').insertOne({});
        await startCapture(source, bucket, { include: ['shop'], until: 'caught-up' }).ended;
        const { position } = await readManifest(bucket, 'default');
        const pad = 'p'.repeat(1_000_000);
        const oplog = client.client.db('local').collection('oplog.rs');
        await awaitUntil('the oplog has rolled over', async () => {
          for (let i = 0; i < 20; i++) await db.collection('b').insertOne({ pad });
          const oldest = await oplog.findOne({}, { sort: { $natural: 1 } });
          return oldest && oldest.ts.getHighBits() > Number(position!.clusterTime.split(':')[0]);
        });
        await expect(startCapture(source, bucket, { include: ['shop'] }).ended).rejects.toMatchObject({
          code: 'SOURCE_HISTORY_LOST',
          exitCode: 5,
          hint: expect.stringContaining('--stream'),
        });
        expect(milestoneOf(await readManifest(bucket, 'default'), 'history-lost')).toBeDefined();
      });
    },
    { source: kind },
  );
}

/** Like `differences`, for the captured names only. */
async function inLines(
  replayed: Awaited<ReturnType<typeof replayStream>>,
  client: Awaited<ReturnType<typeof testClient>>,
  database: string,
): Promise<string[]> {
  const lines = await differences(replayed, client, database);
  return lines.filter((line) => !line.startsWith(`${database}.out_`));
}
