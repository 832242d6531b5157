/** Indexes that are still being built where somebody lists them. */
import { openBucket } from '@waybill/shared/bucket/open-bucket';
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
});
