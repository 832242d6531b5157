/**
 * Trouble that a source makes without a defect: the capture goes on, or ends with a reason and a
 * way on.
 */
import { runCapture } from '@waybill/capture/capture';
import { CAPTURE_DEFAULTS } from '@waybill/capture/start/settings';
import { createLogger } from '@waybill/shared/base/logger';
import { createMetrics } from '@waybill/shared/base/metrics';
import { createCaptureStats } from '@waybill/shared/base/stats';
import { openBucket } from '@waybill/shared/bucket/open/open-bucket';
import { connect } from '@waybill/shared/mongo/driver/connect';
import { expect, it } from 'vitest';
import { awaitUntil } from '../support/await-until.ts';
import { temporaryBucket } from '../support/bucket.ts';
import { beforeCommands, caughtUp, connectSource, mark, startCapture } from '../support/capturing.ts';
import { testClient } from '../support/raw.ts';
import { replayStream } from '../support/replay.ts';
import { ReplicaSet } from '../support/replica-set.ts';
import { load } from '../support/run-load.ts';
import { describeWithServer, startServer, uniqueName } from '../support/servers.ts';

const MIB = 1024 * 1024;

await describeWithServer('trouble with a source', (servers) => {
  it('a change stream whose operation or session is killed goes on', async () => {
    const database = uniqueName('killed');
    await using client = await testClient(servers.source.uri);
    await using source = await connectSource(servers.source.uri);
    await using folder = await temporaryBucket();
    const bucket = await openBucket(folder.url);
    const db = client.client.db(database);
    await db.collection('a').insertOne({ before: true });
    const capture = startCapture(source, bucket, { include: [database] });
    await caughtUp(bucket);
    await awaitUntil('its getMore is killed', async () => {
      const { inprog } = await client.command('admin', {
        currentOp: 1,
        'cursor.tailable': true,
        'command.getMore': { $exists: true },
      });
      for (const { opid } of inprog) await client.command('admin', { killOp: 1, op: opid });
      return inprog.length > 0;
    });
    await Promise.race([mark(db, bucket), capture.ended]);
    await client.command('admin', { killAllSessionsByPattern: [] }).catch(() => undefined);
    await Promise.race([mark(db, bucket), capture.ended]);
    expect(await capture.stop()).toMatchObject({ ended: 'stopped' });
  });

  it('an event that the source cannot send is named by its collection, and can be left out', async () => {
    const database = uniqueName('largeid');
    await using client = await testClient(servers.source.uri);
    await using source = await connectSource(servers.source.uri);
    await using folder = await temporaryBucket();
    const bucket = await openBucket(folder.url);
    const db = client.client.db(database);
    await db.collection('a').insertOne({ n: 1 });
    const capture = startCapture(source, bucket, { include: [database] });
    await caughtUp(bucket);
    await db.collection('a').insertOne({ n: 2 });
    await db.collection('ids').insertOne({ _id: 'x'.repeat(3 * MIB) as never });
    await expect(capture.ended).rejects.toMatchObject({
      code: 'SOURCE_EVENT_TOO_LARGE',
      message: expect.stringContaining(`${database}.ids`),
      hint: expect.stringContaining(`--exclude ${database}.ids`),
    });
    const without = startCapture(source, bucket, { include: [database], exclude: [`${database}.ids`] });
    await db.collection('ids').insertOne({ _id: 'y'.repeat(3 * MIB) as never });
    await Promise.race([mark(db, bucket), without.ended]);
    await without.stop();
    const { collections } = await replayStream(bucket, 'default');
    expect(collections.get(`${database}.a`)?.size).toBe(2);
    await db.dropDatabase();
  });

  it('a document that is nested deeper than the target allows tells which setting allows it', async () => {
    const database = uniqueName('deep');
    await using server = await startServer({ replSet: 'deep', args: ['--setParameter', 'maxBSONDepth=250'] });
    await using client = await testClient(server.uri);
    await using source = await connectSource(server.uri);
    await using folder = await temporaryBucket();
    let deep: object = {};
    for (let depth = 0; depth < 220; depth++) deep = { deep };
    await client.client.db(database).collection('a').insertOne(deep);
    await startCapture(source, await openBucket(folder.url), { include: [database], until: 'caught-up' })
      .ended;
    const loading = load({
      bucketUrl: folder.url,
      targetUri: servers.target.uri,
      load: database,
      until: 'caught-up',
    });
    await expect(loading).rejects.toMatchObject({
      code: 'TARGET_REFUSED_DOCUMENT',
      hint: expect.stringContaining('maxBSONDepth'),
    });
  });

  it('a connection string with a compressor that is not there says so', async () => {
    const uri = servers.source.uri.replace('/?', '/?compressors=snappy&');
    await expect(connect(uri, { role: 'source' })).rejects.toMatchObject({
      code: 'MONGO_URI_INVALID',
      message: expect.stringContaining('snappy'),
      hint: expect.stringContaining('zlib'),
    });
  });

  it('a user that may read less than when the stream was created is told that, and not of another cluster', async () => {
    await using server = await startServer({ replSet: 'guarded', auth: true });
    await using root = await connect(server.uri, { role: 'source' });
    await root.command('admin', { createUser: 'reader', pwd: 'secret', roles: ['readAnyDatabase'] });
    await root.command('shop', { insert: 'orders', documents: [{ _id: 1 }] });
    await using folder = await temporaryBucket();
    const bucket = await openBucket(folder.url);
    await startCapture(root, bucket, { include: ['shop'], until: 'caught-up' }).ended;
    await using reader = await connect(server.anonymousUri.replace('//', '//reader:secret@'), {
      role: 'source',
    });
    await expect(startCapture(reader, bucket, { include: ['shop'] }).ended).rejects.toMatchObject({
      code: 'MONGO_UNAUTHORIZED',
      message: expect.stringContaining('replSetGetConfig'),
      hint: expect.stringContaining('clusterMonitor'),
    });
  });

  it('a secondary is refused at once, and a primary without majority is told of', async () => {
    await using set = await ReplicaSet.start('arbitrated', { arbiter: true });
    await expect(connect(await set.secondaryUri(), { role: 'source' })).rejects.toMatchObject({
      code: 'MONGO_NOT_PRIMARY',
      message: expect.stringContaining('127.0.0.1'),
      hint: expect.stringContaining('directConnection'),
    });
    await using source = await connectSource(set.uri);
    await using folder = await temporaryBucket();
    await set.killSecondary();
    const said: string[] = [];
    const destination = { write: (line: string) => void said.push(line) };
    const stop = new AbortController();
    const capturing = runCapture(CAPTURE_DEFAULTS, {
      source,
      bucket: await openBucket(folder.url),
      logger: createLogger({ level: 'warn', destination }),
      metrics: createMetrics(),
      stats: createCaptureStats(),
      signal: stop.signal,
    });
    await awaitUntil('it says so', async () => said.join().includes('no majority of the source'));
    stop.abort();
    await capturing;
  });
});

await describeWithServer(
  'trouble with a 4.0 source',
  (servers) => {
    it('a definition of no view names its database, which can be left out', async () => {
      const database = uniqueName('views');
      await using client = await testClient(servers.source.uri);
      await using source = await connectSource(servers.source.uri);
      const db = client.client.db(database);
      await db.collection('a').insertOne({ n: 1 });
      await db.collection('system.views').insertOne({ _id: `${database}.broken` as never, viewOn: 5 });
      await using folder = await temporaryBucket();
      const bucket = await openBucket(folder.url);
      await expect(startCapture(source, bucket, {}).ended).rejects.toMatchObject({
        code: 'MONGO_COMMAND_FAILED',
        message: expect.stringContaining(database),
        hint: expect.stringContaining(`--exclude ${database}`),
      });
      const { ended } = await startCapture(source, bucket, { exclude: [database], until: 'caught-up' }).ended;
      expect(ended).toBe('caught-up');
      await db.collection('system.views').deleteMany({});
      await db.dropDatabase();
    });

    it('a rename that an image lookup sees before a majority has it loses no document', async () => {
      const database = uniqueName('early');
      await using client = await testClient(servers.source.uri);
      await using connection = await connectSource(servers.source.uri);
      await using folder = await temporaryBucket();
      const bucket = await openBucket(folder.url);
      const db = client.client.db(database);
      await db.collection('moving').insertOne({ n: 1 });
      await db.collection('other').insertOne({ n: 1 });
      let isArmed = false;
      const source = beforeCommands(connection, async (command) => {
        if (command.find !== 'moving' || !isArmed) return;
        isArmed = false;
        // The insert comes to the stream before the rename, and after what the reply calls now.
        await db.collection('other').insertOne({ n: 2 }, { w: 1, j: false } as never);
        await db.collection('moving').rename('moved', { w: 1, j: false } as never);
      });
      const capture = startCapture(source, bucket, { include: [database] });
      await caughtUp(bucket);
      // Not before: the snapshot reads the collection, too.
      isArmed = true;
      await db.collection('moving').updateOne({ n: 1 }, { $set: { touched: true } });
      await Promise.race([mark(db, bucket), capture.ended]);
      expect(isArmed).toBe(false);
      expect(await capture.stop()).toMatchObject({ ended: 'stopped' });
      await db.dropDatabase();
    });

    it('a feature compatibility version of 3.6 is said to be too low', async () => {
      await using client = await testClient(servers.source.uri);
      await using source = await connectSource(servers.source.uri);
      await using folder = await temporaryBucket();
      await client.command('admin', { setFeatureCompatibilityVersion: '3.6' });
      try {
        const capture = startCapture(source, await openBucket(folder.url), {});
        await expect(capture.ended).rejects.toMatchObject({
          code: 'SOURCE_UNSUPPORTED',
          hint: expect.stringContaining('setFeatureCompatibilityVersion'),
        });
      } finally {
        await client.command('admin', { setFeatureCompatibilityVersion: '4.0' });
      }
    });
  },
  { source: 'oldest' },
);
