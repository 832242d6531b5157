/** What a load does about errors of its target: how often the server itself was asked. */
import { openTarget } from '@waybill/load/target/open/open-target';
import { retry } from '@waybill/shared/base/retry';
import { int32 } from '@waybill/shared/bson/build';
import { connect } from '@waybill/shared/mongo/driver/connect';
import { SERVER_CODES } from '@waybill/shared/mongo/driver/server-codes';
import { afterAll, beforeAll, expect } from 'vitest';
import { awaitUntil } from '../support/await-until.ts';
import { itLoadsDocuments, order } from '../support/load-documents.ts';
import { type TestClient, testClient } from '../support/raw.ts';
import { describeWithServer, startServer, uniqueName } from '../support/servers.ts';
import { put } from '../support/stream-builder.ts';

const documents = Array.from({ length: 256 }, (_, n) => order(int32(n), n));

await describeWithServer('errors of the target', () => {
  let server: Awaited<ReturnType<typeof startServer>>;
  let admin: TestClient;
  const it = itLoadsDocuments(() => server.uri, 'errors');

  beforeAll(async () => {
    server = await startServer({ replSet: 'errors', args: ['--setParameter', 'enableTestCommands=1'] });
    admin = await testClient(server.uri);
  });
  afterAll(async () => {
    await admin[Symbol.asyncDispose]();
    await server[Symbol.asyncDispose]();
  });

  /** Fails inserts into the collection. `failed` says how many it was, and ends it. */
  async function failing(namespace: string, mode: object | string, data: object) {
    const base = { failCommands: ['insert'], namespace };
    const point = { configureFailPoint: 'failCommand', mode, data: { ...base, ...data } };
    const before = Number((await admin.client.db('admin').command(point)).count);
    const failed = async (): Promise<number> => {
      const off = await admin.client.db('admin').command({ configureFailPoint: 'failCommand', mode: 'off' });
      return Number(off.count) - before;
    };
    return { failed, [Symbol.asyncDispose]: async () => void (await failed()) };
  }
  /** Inserts that the server did not fail at once. */
  const inserts = async (): Promise<number> => {
    const { metrics } = await admin.client.db('admin').command({ serverStatus: 1 });
    return Number(metrics.commands.insert.total);
  };

  it('asks once where no retry helps, and goes on once the reason is gone', async ({
    orders,
    stream,
    run,
    expectStored,
  }) => {
    await stream.snapshot([{ namespace: orders, documents }]);
    for (const errorCode of [SERVER_CODES.CommandNotFound, SERVER_CODES.AtlasError]) {
      await using point = await failing(orders, 'alwaysOn', { errorCode });
      await expect(run({ until: 'snapshot-applied' })).rejects.toMatchObject({ hint: expect.any(String) });
      expect(await point.failed()).toBe(1);
    }
    await run({ until: 'snapshot-applied' });
    await expectStored(documents);
  });

  it('tries again where it may pass: a full disk, a conflict, a label', async ({
    orders,
    stream,
    run,
    expectStored,
  }) => {
    await stream.snapshot([{ namespace: orders, documents }]);
    for (const data of [
      { errorCode: SERVER_CODES.OutOfDiskSpace },
      { errorCode: SERVER_CODES.BadValue, errorLabels: ['RetryableError', 'SystemOverloadedError'] },
    ]) {
      await using _ = await failing(orders, { times: 2 }, data);
      await stream.changes([put(orders, order(int32(1000), 1), 'insert')]);
      const { stats } = await run({ until: 'snapshot-applied' });
      expect(stats.trouble.retried.size).toBe(0);
    }
    await expectStored(documents);
  });

  it('learns how much the target takes at once, and knows it at the next start', async ({
    client,
    orders,
    stream,
    run,
    expectStored,
  }) => {
    await stream.snapshot([{ namespace: orders, documents }]);
    {
      await using point = await failing(orders, { times: 1 }, { errorCode: SERVER_CODES.InvalidLength });
      const before = await inserts();
      await run({ until: 'snapshot-applied' });
      expect((await inserts()) - before).toBe(2);
      expect(await point.failed()).toBe(1);
    }
    await expectStored(documents);
    const kept = await client.client.db('waybill').collection('progress').findOne({ kind: 'learnt' });
    expect(kept?.facts).toMatchObject([{ what: 'statementsInCommand', value: 128, at: expect.any(Date) }]);
    const more = Array.from({ length: 256 }, (_, n) => order(int32(1000 + n), n));
    await stream.changes(more.map((document) => put(orders, document, 'insert')));
    await stream.milestone('caught-up');
    const { stats } = await run();
    await expectStored([...documents, ...more]);
    expect(stats.trouble.retries.size).toBe(0);
  });

  it('sends again what a write concern leaves in doubt', async ({ orders, stream, run, expectStored }) => {
    await stream.snapshot([{ namespace: orders, documents }]);
    const writeConcernError = { code: SERVER_CODES.WriteConcernFailed, errmsg: 'waiting timed out' };
    await using _ = await failing(orders, { times: 1 }, { writeConcernError });
    const { stats } = await run({ until: 'snapshot-applied' });
    expect(stats.trouble.retries.get('transient')).toBe(1);
    await expectStored(documents);
  });

  it.each([
    ['1', { code: 'TARGET_LOST_WRITES' }],
    ['majority', null],
  ])('at write concern %s an election between batch and cursor: %j', async (writeConcern, lost) => {
    await using client = await testClient(server.uri);
    const connection = await connect(server.uri, { role: 'target' });
    const progressDatabase = uniqueName('concern');
    try {
      const target = await openTarget(connection).forLoad({
        progressDatabase,
        maxWriteMs: 60_000,
        writeConcern,
      });
      const tag = { load: 'default', epoch: 1 };
      const scope = { namespace: `${progressDatabase}.things`, bypassValidation: false, keepsOrder: false };
      const write = (n: number) =>
        target.write({ kind: 'insert', statements: [order(int32(n), n)], ...scope }, tag);
      const advance = () => target.progress.update([{ id: 'default/x', set: { a: 1 }, upsert: true }]);
      await write(1);
      expect(await advance()).toBe(1);
      await write(2);
      await client.command('admin', { replSetStepDown: 1, force: true });
      await awaitUntil('there is a primary again', async () => {
        const hello = await client.client.db('admin').command({ hello: 1 });
        return hello.isWritablePrimary === true;
      });
      const retried = () => retry(advance);
      if (lost) {
        await expect(retried()).rejects.toMatchObject(lost);
        await expect(retried()).rejects.toMatchObject(lost);
      } else expect(await retried()).toBe(1);
    } finally {
      await client.client.db(progressDatabase).dropDatabase();
      await connection.close();
    }
  });

  it('proves a batch that was under way while another one was proven', async () => {
    await using client = await testClient(server.uri);
    const connection = await connect(server.uri, { role: 'target' });
    const progressDatabase = uniqueName('concern');
    const namespace = `${progressDatabase}.things`;
    try {
      const target = await openTarget(connection).forLoad({
        progressDatabase,
        maxWriteMs: 60_000,
        writeConcern: '1',
      });
      const scope = { namespace, bypassValidation: false, keepsOrder: false };
      const write = (n: number) =>
        target.write(
          { kind: 'insert', statements: [order(int32(n), n)], ...scope },
          { load: 'default', epoch: 1 },
        );
      await write(1);
      await target.proveWrites();
      await write(2);
      const held = { blockConnection: true, blockTimeMS: 1500 };
      await using _ = await failing(namespace, { times: 1 }, held);
      const writing = write(3);
      await target.proveWrites();
      await writing;
      await client.command('admin', { replSetStepDown: 1, force: true });
      await expect(retry(() => target.proveWrites())).rejects.toMatchObject({ code: 'TARGET_LOST_WRITES' });
    } finally {
      await client.client.db(progressDatabase).dropDatabase();
      await connection.close();
    }
  });

  it('loads with a write concern of one member', async ({ orders, stream, run, expectStored }) => {
    await stream.snapshot([{ namespace: orders, documents }]);
    const more = Array.from({ length: 256 }, (_, n) => put(orders, order(int32(n), 1000 + n)));
    await stream.changes(more);
    await stream.milestone('caught-up');
    await run({ writeConcern: '1' });
    await expectStored(Array.from({ length: 256 }, (_, n) => order(int32(n), 1000 + n)));
    await expect(run({ writeConcern: '0' })).rejects.toMatchObject({ code: 'CONFIG_INVALID' });
  });
});
