/** How fast a load writes: what the server itself counted, and what it asks for. */
import { setTimeout as sleep } from 'node:timers/promises';
import { NO_RAMP } from '@waybill/load/target/rules/rate';
import { createLogger } from '@waybill/shared/base/logger';
import { splitNamespace } from '@waybill/shared/base/record';
import { buildDocument, int32, string } from '@waybill/shared/bson/build';
import { SERVER_CODES } from '@waybill/shared/mongo/driver/server-codes';
import { expect } from 'vitest';
import { awaitUntil } from '../support/await-until.ts';
import { itLoadsDocuments, order } from '../support/load-documents.ts';
import { type TestClient, testClient } from '../support/raw.ts';
import { load } from '../support/run-load.ts';
import { describeWithServer, startServer } from '../support/servers.ts';
import { put } from '../support/stream-builder.ts';

const BATCH = 100;
const FAIL_POINTS = ['--setParameter', 'enableTestCommands=1'];
const documents = Array.from({ length: 2000 }, (_, n) => order(int32(n), n));

/** How many documents of the collection there are, and when, by the server's own clock. */
async function count(client: TestClient, database: string) {
  const admin = client.client.db('admin');
  const read = async () => ((await admin.command({ hello: 1 })).localTime as Date).getTime();
  const before = await read();
  const found = await client.client.db(database).collection('orders').countDocuments();
  return { from: before, to: await read(), found };
}

/** Counts again and again while the load runs. */
async function watch<T>(client: TestClient, database: string, running: Promise<T>) {
  const samples = [await count(client, database)];
  let isOver = false;
  const ended = running.finally(() => {
    isOver = true;
  });
  while (!isOver) {
    samples.push(await count(client, database));
    await sleep(100);
  }
  samples.push(await count(client, database));
  return { result: await ended, samples };
}

await describeWithServer('the rate of a load', (servers) => {
  const it = itLoadsDocuments(() => servers.target.uri, 'rate');

  it('stays below the limit, in the snapshot and in the changes', async ({
    client,
    database,
    orders,
    stream,
    run,
    expectStored,
  }) => {
    await stream.snapshot([
      { namespace: orders, documents: documents.slice(0, 1000), segmentDocuments: 250 },
    ]);
    for (let from = 1000; from < 2000; from += BATCH) {
      await stream.changes(documents.slice(from, from + BATCH).map((each) => put(orders, each, 'insert')));
    }
    await stream.milestone('caught-up');
    const limited = run({ maxWriteRate: '800/s', snapshotBatchDocuments: BATCH, batchRecords: BATCH });
    const { result, samples } = await watch(client, database, limited);
    await expectStored(documents);
    expect(result.stats.pace).toMatchObject({ documentsPerSecond: 800, pushBacks: 0 });
    expect(result.stats.pace.waits).toBeGreaterThan(5);
    // Batches that were under way at the first look may be counted at the second.
    const slack = 7 * BATCH;
    const tooFast = samples.flatMap((first, at) =>
      samples.slice(at + 1).filter((later) => {
        const seconds = (later.to - first.from) / 1000;
        return later.found - first.found > 800 * seconds + slack;
      }),
    );
    expect(tooFast).toEqual([]);
  });

  it.for([
    ['as they were captured', false, [0, 1, 2, 3, 4, 5, 6, 7]],
    ['at distant ranges of _id, where the kind of target wants it', true, [0, 4, 2, 6, 1, 5, 3, 7]],
  ] as const)(
    'writes segments %s',
    async ([, spreadsRanges, expected], { client, database, orders, stream, run }) => {
      // Segments of less than a MiB would be written side by side.
      const pad = string('x'.repeat(60_000));
      const large = Array.from({ length: 160 }, (_, n) =>
        buildDocument([
          ['_id', int32(n)],
          ['pad', pad],
        ]),
      );
      const rate = { ...NO_RAMP, spreadsRanges };
      await stream.snapshot([{ namespace: orders, documents: large, segmentDocuments: 20 }]);
      await run({
        rate,
        until: 'snapshot-applied',
        workers: 1,
        openSegments: 1,
        snapshotBatchDocuments: 8,
      });
      const ids = await client.client
        .db(database)
        .collection<{ _id: number }>('orders')
        .find({}, { projection: { _id: 1 }, sort: { $natural: 1 } })
        .map(({ _id }) => _id)
        .toArray();
      const segments = ids.map((id) => Math.floor(id / 20)).filter((each, at, all) => each !== all[at - 1]);
      expect([ids.length, segments]).toEqual([160, expected]);
    },
  );

  it('brings all of several collections with their ranges spread, also across a stop', async ({
    database,
    orders,
    stream,
    run,
    stored,
    expectStored,
  }) => {
    const rate = { ...NO_RAMP, spreadsRanges: true };
    const few = documents.slice(0, 130);
    await stream.snapshot(
      [
        { namespace: orders, documents, segmentDocuments: 150 },
        { namespace: `${database}.few`, documents: few, segmentDocuments: 20 },
      ],
      { complete: false },
    );
    const stop = new AbortController();
    const slow = { rate, maxWriteRate: '600/s', snapshotBatchDocuments: 30, signal: stop.signal };
    const first = run({ ...slow, until: 'snapshot-applied' });
    await awaitUntil('some are there', async () => (await stored()).size >= 300);
    stop.abort();
    expect((await first).outcome).toBe('stopped');
    const running = run({ rate, until: 'snapshot-applied', snapshotBatchDocuments: 30 });
    await awaitUntil('what there is so far', async () => (await stored()).size === documents.length);
    await stream.milestone('snapshot-completed');
    await running;
    await expectStored(documents);
    await expectStored(few, 'few');
  });

  it('answers push back with fewer batches at once, and recovers', async ({ bucket, orders, stream }) => {
    await using server = await startServer({ replSet: 'rate', args: FAIL_POINTS });
    await using client = await testClient(server.uri);
    await stream.snapshot([{ namespace: orders, documents }]);
    const lines: string[] = [];
    const destination = { write: (line: string) => lines.push(line) };
    const logger = createLogger({ format: 'json', level: 'debug', destination });
    const data = { failCommands: ['insert'], errorCode: SERVER_CODES.WriteConflict, namespace: orders };
    await client.command('admin', { configureFailPoint: 'failCommand', mode: { times: 8 }, data });
    const { stats } = await load({
      bucketUrl: bucket.url,
      targetUri: server.uri,
      until: 'snapshot-applied',
      snapshotBatchDocuments: 20,
      logger,
    });
    expect(stats.pace).toMatchObject({ pushBacks: 8, atOnce: 6, atOnceMost: 6 });
    const steps = lines
      .map((line) => JSON.parse(line) as { message: string; atOnce: number })
      .filter(({ message }) => message === 'batches at once')
      .map(({ atOnce }) => atOnce);
    expect(Math.min(...steps)).toBeLessThanOrEqual(3);
    expect(steps.at(-1)).toBe(6);
    const { database, collection } = splitNamespace(orders);
    expect(await client.client.db(database).collection(collection).countDocuments()).toBe(documents.length);
  });
});
