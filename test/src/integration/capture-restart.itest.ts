/**
 * A stream that is there already: other options, another cluster, a second capture, a token that
 * does not fit, and lost history.
 */
import { randomBytes } from 'node:crypto';
import { openBucket } from '@waybill/shared/bucket/open/open-bucket';
import { readManifest } from '@waybill/shared/manifest/log';
import { milestoneOf } from '@waybill/shared/manifest/state';
import { Long } from 'mongodb-4-0';
import { expect, it } from 'vitest';
import { awaitUntil } from '../support/await-until.ts';
import { temporaryBucket } from '../support/bucket.ts';
import { caughtUp, connectSource, mark, startCapture } from '../support/capturing.ts';
import { testClient } from '../support/raw.ts';
import { differences, replayStream } from '../support/replay.ts';
import { describeWithServer, type ServerKind, startServer, uniqueName } from '../support/servers.ts';

await describeWithServer('a capture that goes on', (servers) => {
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
    // The position as another server version would have left it: its token is bound to other
    // options.
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

const KINDS: readonly ServerKind[] = ['current', 'oldest'];

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
