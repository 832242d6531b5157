/** Many small collections: the load waits for them side by side. */
import { fromObject } from '@waybill/shared/bson/build';
import { expect, it } from 'vitest';
import { temporaryBucket } from '../support/bucket.ts';
import { testClient } from '../support/raw.ts';
import { load } from '../support/run-load.ts';
import { describeWithServer, startServer } from '../support/servers.ts';
import { StreamBuilder } from '../support/stream-builder.ts';

const SIDE_BY_SIDE = 4;
const BLOCK_MS = 6000;

await describeWithServer('a load of many small collections', () => {
  it.each([
    ['makes them side by side', 'create'],
    ['builds their indexes side by side', 'createIndexes'],
  ])('%s', async (_what, command) => {
    await using server = await startServer({
      replSet: 'many',
      args: ['--setParameter', 'enableTestCommands=1'],
    });
    await using client = await testClient(server.uri);
    await using bucket = await temporaryBucket();
    const stream = await StreamBuilder.create(bucket.url);
    const index = fromObject({ v: 2, key: { a: 1 }, name: 'a_1' });
    const id = fromObject({ v: 2, key: { _id: 1 }, name: '_id_' });
    const collections = Array.from({ length: 2 * SIDE_BY_SIDE }, (_, number) => ({
      namespace: `many.c${number}`,
      indexes: [id, index],
      documents: [fromObject({ _id: number, a: 1 })],
    }));
    await stream.snapshot(collections);
    // The server holds the first few. If they came one after another, the second would come only
    // after the first is released.
    const data = { failCommands: [command], blockConnection: true, blockTimeMS: BLOCK_MS };
    const failCommand = { configureFailPoint: 'failCommand', mode: { times: SIDE_BY_SIDE }, data };
    await client.command('admin', failCommand);
    const loading = load({ bucketUrl: bucket.url, targetUri: server.uri, until: 'snapshot-applied' });
    const all = { waitForFailPoint: 'failCommand', timesEntered: SIDE_BY_SIDE, maxTimeMS: 60_000 };
    await client.command('admin', { ...all, timesEntered: 1 });
    await client.command('admin', { ...all, maxTimeMS: BLOCK_MS - 1000 });
    expect(await loading).toMatchObject({ outcome: 'snapshot-applied' });
    const { documents } = (await loading).stats.collections.get('many.c7') ?? {};
    expect(documents).toBe(1);
  });
});
