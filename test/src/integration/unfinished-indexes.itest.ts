/** Indexes that are still being built where somebody lists them. */

import { formatClusterTime } from '@waybill/shared/base/position';
import { openBucket } from '@waybill/shared/bucket/open/open-bucket';
import type { DdlEvent } from '@waybill/shared/manifest/commit';
import { readCommits, readManifest } from '@waybill/shared/manifest/log';
import { appendNote } from '@waybill/shared/manifest/note';
import { milestoneOf } from '@waybill/shared/manifest/state';
import type { MongoConnection } from '@waybill/shared/mongo/driver/connection';
import { currentOperationTime } from '@waybill/shared/mongo/facts/operation-time';
import { expect, it } from 'vitest';
import { awaitUntil } from '../support/await-until.ts';
import { temporaryBucket } from '../support/bucket.ts';
import { connectSource, startCapture } from '../support/capturing.ts';
import { type TestClient, testClient } from '../support/raw.ts';
import { load } from '../support/run-load.ts';
import { describeWithServer, startServer, uniqueName } from '../support/servers.ts';
import { linesOf, verify } from '../support/verifying.ts';

/** Lets index builds begin, and go on no further. */
async function holdBuilds(client: TestClient, mode: 'alwaysOn' | 'off'): Promise<void> {
  await client.command('admin', { configureFailPoint: 'hangAfterStartingIndexBuild', mode });
}

await describeWithServer('an index that is still being built', (servers) => {
  it('is none of the source until it is there: one that fails is never on the target', async () => {
    await using server = await startServer({
      replSet: 'builds',
      args: ['--setParameter', 'enableTestCommands=1'],
    });
    const both = { source: server, target: servers.target };
    const database = uniqueName('unfinished');
    await using client = await testClient(server.uri);
    const db = client.client.db(database);
    const orders = db.collection('orders');
    await orders.insertMany([
      { a: 1, b: 1 },
      { a: 1, b: 2 },
    ]);
    await holdBuilds(client, 'alwaysOn');
    const fails = orders.createIndex({ a: 1 }, { name: 'fails', unique: true });
    const comes = orders.createIndex({ b: 1 }, { name: 'comes' });
    const ended = Promise.allSettled([fails, comes]);
    await awaitUntil('both are being built', async () => (await orders.indexes()).length === 3);

    await using folder = await temporaryBucket();
    const bucket = await openBucket(folder.url);
    await using source = await connectSource(server.uri);
    const settings = { include: [database], until: 'caught-up' } as const;
    const loaded = { bucketUrl: folder.url, targetUri: servers.target.uri, load: database } as const;
    await startCapture(source, bucket, settings).ended;
    await load({ ...loaded, until: 'caught-up' });
    expect(linesOf(await verify(both, [database]))).toEqual([]);

    await holdBuilds(client, 'off');
    expect((await ended).map(({ status }) => status)).toEqual(['rejected', 'fulfilled']);
    await startCapture(source, bucket, settings).ended;
    await load({ ...loaded, until: 'caught-up' });
    expect(linesOf(await verify(both, [database]))).toEqual([]);
    await using target = await testClient(servers.target.uri);
    const there = await target.client.db(database).collection('orders').indexes();
    expect(there.map(({ name }) => name)).toEqual(['_id_', 'comes']);
  });

  it('is taken back before drained where it was taken for an index, and nothing else is', async () => {
    await using server = await startServer({
      replSet: 'builds',
      args: ['--setParameter', 'enableTestCommands=1'],
    });
    const database = uniqueName('unmarked');
    await using client = await testClient(server.uri);
    const db = client.client.db(database);
    const orders = db.collection('orders');
    await orders.insertMany([{ a: 1 }, { a: 1 }]);
    await holdBuilds(client, 'alwaysOn');
    const ended = Promise.allSettled([orders.createIndex({ a: 1 }, { name: 'fails', unique: true })]);
    await awaitUntil('it is being built', async () => (await orders.indexes()).length === 2);

    await using folder = await temporaryBucket();
    const bucket = await openBucket(folder.url);
    await using source = await connectSource(server.uri);
    const settings = { include: [database] } as const;
    await startCapture(withoutMarks(source), bucket, { ...settings, until: 'caught-up' }).ended;
    await holdBuilds(client, 'off');
    await ended;
    const capture = startCapture(source, bucket, settings);
    // What the server tells of by itself is known, and is not told again.
    await orders.createIndex({ b: 1 }, { name: 'told', expireAfterSeconds: 60 });
    await db.command({ collMod: 'orders', index: { name: 'told', expireAfterSeconds: 90 } });
    await db.command({ collMod: 'orders', validator: { b: 1 }, validationAction: 'warn' });
    await orders.createIndex({ c: 1 }, { name: 'dropped' });
    await orders.dropIndex('dropped');
    await db.createCollection('view', { viewOn: 'orders', pipeline: [] });
    await db.command({ collMod: 'view', viewOn: 'orders', pipeline: [{ $limit: 5 }] });
    await db.createCollection('capped', { capped: true, size: 4096 });
    await db.command({ collMod: 'capped', cappedSize: 8192 });
    const clusterTime = formatClusterTime(await currentOperationTime(source));
    const stopped = {
      name: 'writes-stopped',
      at: new Date().toISOString(),
      clusterTime,
      sequence: null,
    } as const;
    await appendNote(bucket, 'default', [stopped], { writer: 'test' });
    await awaitUntil('it is drained', async () =>
      milestoneOf(await readManifest(bucket, 'default'), 'drained'),
    );
    await capture.stop();

    const ddl: DdlEvent[] = [];
    for await (const { commit } of readCommits(bucket, 'default')) ddl.push(...(commit.ddl ?? []));
    const synthetic = ddl.filter(({ wallTime }) => wallTime === null);
    expect(synthetic.map(({ operation, namespace }) => `${operation} ${namespace}`)).toEqual([
      `dropIndexes ${database}.orders`,
    ]);
    await load({ bucketUrl: folder.url, targetUri: servers.target.uri, load: database, until: 'drained' });
    const differences = linesOf(await verify({ source: server, target: servers.target }, [database]));
    expect(differences.filter((line) => !line.includes('(held back)'))).toEqual([]);
  });
});

/** A source that does not say which indexes are still being built. */
function withoutMarks(source: MongoConnection): MongoConnection {
  return {
    role: source.role,
    url: source.url,
    server: source.server,
    command: (database, { includeBuildUUIDs: _, ...command }, options) =>
      source.command(database, command, options),
    startSession: (options) => source.startSession(options),
    close: () => source.close(),
    [Symbol.asyncDispose]: () => source[Symbol.asyncDispose](),
  };
}
