/** Errors that the target's state causes are reported early, with the true reason. */

import { openTarget } from '@waybill/load/target/open/open-target';
import { createLogger } from '@waybill/shared/base/logger';
import { int32 } from '@waybill/shared/bson/build';
import { connect } from '@waybill/shared/mongo/driver/connect';
import { expect, it } from 'vitest';
import { awaitUntil } from '../support/await-until.ts';
import { temporaryBucket } from '../support/bucket.ts';
import { order } from '../support/load-documents.ts';
import { type TestClient, testClient } from '../support/raw.ts';
import { ReplicaSet } from '../support/replica-set.ts';
import { load } from '../support/run-load.ts';
import { describeWithServer, startServer } from '../support/servers.ts';
import { put, StreamBuilder } from '../support/stream-builder.ts';

await describeWithServer('the state of a target', () => {
  /** A stream of two documents of shop.orders, and one load of it with what it says. */
  async function setUp() {
    const bucket = await temporaryBucket();
    const stream = await StreamBuilder.create(bucket.url);
    await stream.snapshot([{ namespace: 'shop.orders', documents: [1, 2].map((n) => order(int32(n), n)) }]);
    await stream.milestone('caught-up');
    const said: string[] = [];
    const logger = createLogger({ level: 'warn', destination: { write: (line) => void said.push(line) } });
    const stop = new AbortController();
    const start = (targetUri: string) =>
      load({ bucketUrl: bucket.url, targetUri, until: 'caught-up', logger, signal: stop.signal });
    return { bucket, stream, said, stop, start, [Symbol.asyncDispose]: bucket[Symbol.asyncDispose] };
  }

  async function addUser(client: TestClient, uri: string, ...more: readonly string[]): Promise<string> {
    const roles = ['readWriteAnyDatabase', 'clusterMonitor', ...more];
    await client.command('admin', { createUser: 'loader', pwd: 'secret', roles });
    return uri.replace('//', '//loader:secret@');
  }

  it('a block of writes is told of, and waited out', async () => {
    await using target = await startServer({ replSet: 'blocked', auth: true });
    await using client = await testClient(target.uri);
    const uri = await addUser(client, target.anonymousUri, 'dbAdminAnyDatabase');
    await using test = await setUp();
    const block = (global: boolean) => client.command('admin', { setUserWriteBlockMode: 1, global });
    await block(true);
    const loading = test.start(uri);
    loading.catch(() => undefined);
    await awaitUntil('it says so', () => /takes no writes now.*setUserWriteBlockMode/.test(test.said.join()));
    await block(false);
    expect(await loading).toMatchObject({ outcome: 'caught-up' });
    expect(await client.client.db('shop').collection('orders').countDocuments()).toBe(2);
  });

  it('progress that somebody dropped under a load is no takeover', async () => {
    await using target = await startServer({ replSet: 'dropped' });
    await using client = await testClient(target.uri);
    await using test = await setUp();
    const { bucket, stream } = test;
    const loading = load({ bucketUrl: bucket.url, targetUri: target.uri, confirmMs: 200 });
    loading.catch(() => undefined);
    const orders = client.client.db('shop').collection('orders');
    await awaitUntil('the snapshot is there', async () => (await orders.countDocuments()) === 2);
    await client.client.db('waybill').dropDatabase();
    await stream.changes([put('shop.orders', order(int32(3), 3))]);
    await expect(loading).rejects.toMatchObject({
      code: 'LOAD_PROGRESS_LOST',
      message: expect.stringContaining('waybill.progress'),
    });
  });

  it('a target without a majority is told of at once', async () => {
    await using set = await ReplicaSet.start('minor', { arbiter: true });
    const connection = await connect(set.uri, { role: 'target' });
    const settings = { progressDatabase: 'waybill', maxWriteMs: 60_000, writeConcern: '1' };
    const target = await openTarget(connection).forLoad(settings);
    await set.killSecondary();
    await using test = await setUp();
    const loading = test.start(set.uri);
    loading.catch(() => undefined);
    await awaitUntil('it says so', () => /takes no writes now.*No majority/.test(test.said.join()));
    test.stop.abort();
    await loading.catch(() => undefined);

    const statements = [order(int32(1), 1)];
    const batch = { namespace: 'shop.orders', bypassValidation: false, keepsOrder: false, statements };
    const writing = target.write({ kind: 'insert', ...batch }, { load: 'weak', epoch: 1 });
    await expect(writing).rejects.toMatchObject({ code: 'MONGO_TRANSIENT' });
    await connection.close();
  });

  it('a user who could not finish is refused before anything is written', async () => {
    await using target = await startServer({ replSet: 'private', auth: true });
    await using client = await testClient(target.uri);
    const uri = await addUser(client, target.anonymousUri);
    await using test = await setUp();
    await expect(test.start(uri)).rejects.toMatchObject({
      code: 'MONGO_UNAUTHORIZED',
      message: expect.stringMatching(/shop: .*collMod/),
    });
    expect(await client.client.db('waybill').collection('progress').countDocuments()).toBe(0);
    await client.command('admin', { grantRolesToUser: 'loader', roles: ['dbAdminAnyDatabase'] });
    expect(await test.start(uri)).toMatchObject({ outcome: 'caught-up' });
  });
});
