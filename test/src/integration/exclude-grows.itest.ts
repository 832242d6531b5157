/** Leaving more out of a stream that is there: what made it stop, or what nobody wants any more. */
import type { Bucket } from '@waybill/shared/bucket/bucket';
import { openBucket } from '@waybill/shared/bucket/open/open-bucket';
import { readManifest } from '@waybill/shared/manifest/log';
import { milestoneOf } from '@waybill/shared/manifest/state';
import type { Db } from 'mongodb-4-0';
import { expect, it } from 'vitest';
import { awaitUntil } from '../support/await-until.ts';
import { temporaryBucket } from '../support/bucket.ts';
import { caughtUp, connectSource, mark, startCapture } from '../support/capturing.ts';
import { testClient } from '../support/raw.ts';
import { load } from '../support/run-load.ts';
import { describeWithServer, type TestServers, uniqueName } from '../support/servers.ts';
import { type CommandResult, runWaybill } from '../support/waybill.ts';

const UNSUPPORTED = [
  {
    what: 'a time-series collection',
    name: 'weather',
    make: (db: Db) => db.createCollection('weather', { timeseries: { timeField: 'at' } }),
  },
  {
    what: 'an encrypted collection with its state collections',
    name: 'patients',
    make: async (db: Db) => {
      const [escCollection, ecocCollection] = ['enxcol_.patients.esc', 'enxcol_.patients.ecoc'];
      for (const name of [escCollection, ecocCollection]) await db.createCollection(name);
      const encryptedFields = { escCollection, ecocCollection, fields: [] };
      await db.command({ create: 'patients', encryptedFields });
    },
  },
] as const;

function compared({ source, target }: TestServers, bucket: string, name: string): Promise<CommandResult> {
  const sides = ['--source', source.uri, '--bucket', bucket, '--target', target.uri];
  return runWaybill(['verify', ...sides, '--load', name]);
}

/** The snapshot has been begun. */
function started(bucket: Bucket): Promise<unknown> {
  return awaitUntil('the snapshot has begun', async () =>
    milestoneOf(await readManifest(bucket, 'default'), 'snapshot-started'),
  );
}

await describeWithServer('excluding more at a restart', (servers) => {
  it.each(UNSUPPORTED)(
    '$what made while the stream runs is left out as the hint says',
    async ({ name, make }) => {
      const database = uniqueName('later');
      await using client = await testClient(servers.source.uri);
      await using source = await connectSource(servers.source.uri);
      await using folder = await temporaryBucket();
      const bucket = await openBucket(folder.url);
      const db = client.client.db(database);
      await db.collection('a').insertOne({ n: 1 });
      const capture = startCapture(source, bucket, { include: [database] });
      await caughtUp(bucket);
      await make(db);
      await expect(capture.ended).rejects.toMatchObject({
        code: 'SOURCE_UNSUPPORTED',
        hint: expect.stringContaining(`--exclude ${database}.${name}`),
      });
      await db.collection('a').insertOne({ n: 2 });
      const without = startCapture(source, bucket, { include: [database], exclude: [`${database}.${name}`] });
      await Promise.race([mark(db, bucket), without.ended]);
      await without.stop();
      await load({
        bucketUrl: folder.url,
        targetUri: servers.target.uri,
        load: database,
        until: 'caught-up',
      });
      expect(await compared(servers, folder.path, database)).toMatchObject({ exitCode: 0 });
      await db.dropDatabase();
    },
  );

  it('what was captured before stays as it was, and is compared no more', async () => {
    const database = uniqueName('enough');
    const log = `${database}.log`;
    await using client = await testClient(servers.source.uri);
    await using target = await testClient(servers.target.uri);
    await using source = await connectSource(servers.source.uri);
    await using folder = await temporaryBucket();
    const bucket = await openBucket(folder.url);
    const db = client.client.db(database);
    const settings = { include: [database], until: 'caught-up' } as const;
    for (const name of ['log', 'orders']) await db.collection(name).insertOne({ _id: 1 as never });
    await startCapture(source, bucket, settings).ended;
    await load({ bucketUrl: folder.url, targetUri: servers.target.uri, load: database, until: 'caught-up' });
    for (const name of ['log', 'orders']) await db.collection(name).insertOne({ _id: 2 as never });
    await startCapture(source, bucket, { ...settings, exclude: [log] }).ended;
    await db.collection('log').drop();
    await expect(startCapture(source, bucket, settings).ended).rejects.toMatchObject({
      code: 'STREAM_OPTIONS_CHANGED',
      hint: expect.stringContaining(`--exclude ${log}`),
    });
    await startCapture(source, bucket, { ...settings, exclude: [log] }).ended;
    const { evidence } = milestoneOf(await readManifest(bucket, 'default'), 'capture-started') ?? {};
    expect(evidence).toMatchObject({ exclude: JSON.stringify([log]) });
    await load({ bucketUrl: folder.url, targetUri: servers.target.uri, load: database, until: 'caught-up' });
    const counts = ['log', 'orders'].map((name) =>
      target.client.db(database).collection(name).countDocuments(),
    );
    expect(await Promise.all(counts)).toEqual([1, 2]);
    expect(await compared(servers, folder.path, database)).toMatchObject({ exitCode: 0 });
  });

  it('a snapshot that is under way goes on without it', async () => {
    const database = uniqueName('midway');
    await using client = await testClient(servers.source.uri);
    await using source = await connectSource(servers.source.uri);
    await using folder = await temporaryBucket();
    const bucket = await openBucket(folder.url);
    const db = client.client.db(database);
    await db.collection('small').insertOne({ n: 1 });
    // More than one reply, and read first.
    for (let n = 0; n < 6; n++) await db.collection('large').insertOne({ pad: 'x'.repeat(3_000_000) });
    const slow = startCapture(source, bucket, { include: [database], maxReadRate: 1, readers: 1 });
    await Promise.race([started(bucket), slow.ended]);
    await slow.stop();
    const settings = { include: [database], exclude: [`${database}.large`], until: 'caught-up' } as const;
    await startCapture(source, bucket, settings).ended;
    await load({ bucketUrl: folder.url, targetUri: servers.target.uri, load: database, until: 'caught-up' });
    expect(await compared(servers, folder.path, database)).toMatchObject({ exitCode: 0 });
    const { chunks } = await readManifest(bucket, 'default');
    expect(chunks.get(`${database}.large`)?.get(0)?.progress).toMatchObject({ done: true, skipped: true });
    const checked = await runWaybill(['fsck', '--bucket', folder.path]);
    expect(checked).toMatchObject({ exitCode: 0 });
  });
});
