/** A load applies snapshot and changes byte for byte: once, repeated, and beside a rival. */
import { openTarget } from '@waybill/load/target/open/open-target';
import { buildDocument, doc, double, fromObject, int32, string, timestamp } from '@waybill/shared/bson/build';
import { connect } from '@waybill/shared/mongo/driver/connect';
import { expect } from 'vitest';
import { corpus } from '../corpus/corpus.ts';
import { awaitUntil } from '../support/await-until.ts';
import { cursors, hex, itLoadsDocuments, order } from '../support/load-documents.ts';
import type { RunLoadOptions } from '../support/run-load.ts';
import { describeWithServer } from '../support/servers.ts';
import { put, remove, StreamBuilder } from '../support/stream-builder.ts';

await describeWithServer('load', (servers) => {
  const it = itLoadsDocuments(() => servers.target.uri, 'load');

  it('applies snapshot and changes byte for byte', async ({ orders, stream, run, expectStored }) => {
    const documents = Array.from({ length: 5000 }, (_, n) => order(int32(n), n));
    await stream.snapshot([{ namespace: orders, documents, segmentDocuments: 1200 }]);
    const replaced = order(int32(7), 70);
    const added = order(string('new'), 1);
    await stream.changes([
      put(orders, order(int32(7), 69), 'update'),
      put(orders, replaced, 'replace'),
      remove(orders, int32(8)),
      put(orders, added),
      { operation: 'update', namespace: orders, id: int32(9), origin: 'superseded' },
      { operation: 'read', namespace: orders, id: int32(10), document: order(int32(10), 100) },
    ]);
    await stream.milestone('caught-up');
    const result = await run();
    expect(result).toMatchObject({ outcome: 'caught-up', sequence: 6 });
    const expected = documents.filter((_, n) => ![7, 8, 10].includes(n));
    await expectStored([...expected, replaced, added, order(int32(10), 100)]);
    expect(result.stats).toMatchObject({ changes: 6, coalesced: 2, deletes: 1 });
  });

  it.for(['avro', 'jsonl'] as const)(
    'writes the odd documents as they are, out of %s',
    async (format, { bucket, database, run, expectStored }) => {
      const stream = await StreamBuilder.create(bucket.url, { format });
      const plain = corpus.filter(({ options }) => options.viewOn === undefined);
      const collections = plain.map((collection, n) => ({
        namespace: `${database}.c${n}`,
        options: collection.name === 'collated' ? COLLATED : fromObject({}),
        documents: collection.documents.map(
          ({ bytes, changedByServer }) => changedByServer?.becomes ?? bytes,
        ),
      }));
      await stream.snapshot(collections);
      // The same once more as changes, so that they go through replaces.
      await stream.changes(
        collections.flatMap(({ namespace, documents }) => documents.map((one) => put(namespace, one))),
      );
      await stream.milestone('caught-up');
      await run();
      for (const [n, { documents }] of collections.entries()) await expectStored(documents, `c${n}`);
    },
  );

  it('keeps Timestamp(0,0) at top level', async ({ orders, stream, run, expectStored }) => {
    const zero = (id: number) =>
      buildDocument([
        ['_id', int32(id)],
        ['t', timestamp(0n)],
      ]);
    await stream.snapshot([{ namespace: orders, documents: [zero(1)] }]);
    await stream.changes([put(orders, zero(1), 'update'), put(orders, zero(2))]);
    await stream.milestone('caught-up');
    await run();
    await expectStored([zero(1), zero(2)]);
  });

  it('ends the same when everything is repeated', async ({ client, orders, stream, run, expectStored }) => {
    const documents = Array.from({ length: 300 }, (_, n) => order(int32(n), n));
    await stream.snapshot([{ namespace: orders, documents }]);
    await stream.changes([
      put(orders, order(int32(1), 10), 'update'),
      remove(orders, int32(2)),
      put(orders, order(int32(400), 1)),
    ]);
    await stream.changes([
      remove(orders, int32(400)),
      put(orders, order(int32(2), 22)),
      put(orders, order(int32(1), 11), 'update'),
    ]);
    await stream.milestone('caught-up');
    await run();
    const expected = [
      ...documents.filter((_, n) => n !== 1 && n !== 2),
      order(int32(1), 11),
      order(int32(2), 22),
    ];
    await expectStored(expected);
    // The state after a crash before any progress was written: everything applied, nothing
    // recorded.
    const progress = client.client.db('waybill').collection<{ _id: string }>('progress');
    await progress.deleteMany({ _id: /\/(segment|lane|state)/ });
    await run();
    await expectStored(expected);
  });

  it('goes on after a stop between batches and cursor, and in the middle of the stream', async ({
    client,
    orders,
    stream,
    run,
    expectStored,
  }) => {
    await stream.snapshot([{ namespace: orders, documents: [order(int32(1), 0)] }]);
    await stream.milestone('caught-up');
    await run();
    for (let round = 1; round <= 3; round++) {
      await stream.changes([
        put(orders, order(int32(1), round), 'update'),
        put(orders, order(int32(round + 1), 0)),
      ]);
      const before = await cursors(client);
      await run();
      expect((await cursors(client))[0]!.seq).toBeGreaterThan(before[0]!.seq);
    }
    await expectStored([order(int32(1), 3), ...[2, 3, 4].map((n) => order(int32(n), 0))]);
  });

  it('ends in the bytes of the source where ids are equal and differ', async ({
    database,
    orders,
    stream,
    run,
    expectStored,
  }) => {
    await stream.snapshot([
      { namespace: orders, documents: [order(int32(1), 0), order(double(2), 0)] },
      {
        namespace: `${database}.words`,
        options: COLLATED,
        documents: [order(string('a'), 0), order(string('B'), 0)],
      },
    ]);
    const words = `${database}.words`;
    await stream.changes([
      remove(orders, int32(1)),
      put(orders, order(double(1), 1)),
      remove(words, string('a')),
      put(words, order(string('A'), 1)),
    ]);
    await stream.changes([
      remove(orders, double(2)),
      put(orders, order(int32(2), 1)),
      remove(orders, int32(2)),
      put(orders, order(double(2), 3)),
      // An image from the future: looked up when the document had been deleted and made anew under
      // an equal id.
      {
        operation: 'update',
        namespace: words,
        id: string('B'),
        document: order(string('b'), 2),
        origin: 'lookup',
      },
    ]);
    await stream.changes([remove(words, string('B')), put(words, order(string('b'), 2))]);
    await stream.milestone('caught-up');
    await run();
    await expectStored([order(double(1), 1), order(double(2), 3)]);
    await expectStored([order(string('A'), 1), order(string('b'), 2)], 'words');
  });

  it('loads a capped collection in its order', async ({ client, database, stream, run }) => {
    const log = `${database}.log`;
    const documents = Array.from({ length: 3000 }, (_, n) => order(int32((n * 7919) % 3001), n));
    const options = fromObject({ capped: true, size: 10_000_000 });
    await stream.snapshot([{ namespace: log, options, documents, segmentDocuments: 700 }]);
    await stream.changes([put(log, order(int32(9000), 1)), put(log, order(int32(8000), 2))]);
    await stream.milestone('caught-up');
    await run();
    const found: string[] = [];
    for await (const document of client.read(database, 'log', { natural: true })) found.push(hex(document));
    const expected = [...documents, order(int32(9000), 1), order(int32(8000), 2)];
    expect(found).toEqual(expected.map(hex));
  });

  it('follows a stream that is still being written, and stops when asked', async ({
    client,
    orders,
    stream,
    run,
    stored,
  }) => {
    await stream.snapshot([{ namespace: orders, documents: [order(int32(1), 0)] }], { complete: false });
    const stop = new AbortController();
    const running = run({ until: null, signal: stop.signal } as Partial<RunLoadOptions>);
    await awaitUntil('the snapshot is there', async () => (await stored()).size === 1);
    await stream.milestone('snapshot-completed');
    await stream.changes([put(orders, order(int32(2), 0))]);
    await awaitUntil('the change is there', async () => (await stored()).size === 2);
    stop.abort();
    expect(await running).toMatchObject({ outcome: 'stopped' });
    const [owner] = await client.client
      .db('waybill')
      .collection<{ _id: string }>('progress')
      .find({ _id: 'default/owner' })
      .toArray();
    expect(owner).toMatchObject({ released: true });
  });

  it('lets exactly one of two loaders go on', async ({ orders, stream, run, stored }) => {
    await stream.snapshot([{ namespace: orders, documents: [order(int32(1), 0)] }]);
    const stop = new AbortController();
    const options = { until: null, signal: stop.signal, confirmMs: 100, leaseMs: 400 } as const;
    const first = run(options);
    await awaitUntil('the first is at work', async () => (await stored()).size === 1);
    const second = run(options);
    const fenced = await first.catch((error: unknown) => error);
    expect(fenced).toMatchObject({ code: 'LOAD_FENCED', exitCode: 4 });
    await stream.changes([put(orders, order(int32(2), 0))]);
    await awaitUntil('the second goes on', async () => (await stored()).size === 2);
    stop.abort();
    expect(await second).toMatchObject({ outcome: 'stopped', epoch: 2 });
  });

  it('sees the writes of an older epoch for as long as the server runs them', async ({
    client,
    database,
    orders,
  }) => {
    await using connection = await connect(servers.target.uri, { role: 'target' });
    const target = await openTarget(connection).forLoad({ progressDatabase: 'waybill', maxWriteMs: 60_000 });
    const statements = [order(int32(1), 0)];
    const batch = {
      kind: 'insert',
      namespace: orders,
      statements,
      bypassValidation: true,
      keepsOrder: false,
    } as const;
    await client.client.db(database).createCollection('orders');
    await client.command('admin', { fsync: 1, lock: true });
    let writing: Promise<unknown>;
    try {
      writing = target.write(batch, { load: 'default', epoch: 3 });
      const newer = { load: 'default', epoch: 4 };
      await awaitUntil('the write is seen', () => target.olderWritesRun(newer));
      expect(await target.olderWritesRun({ load: 'default', epoch: 3 })).toBe(false);
      expect(await target.olderWritesRun({ load: 'other', epoch: 4 })).toBe(false);
    } finally {
      await client.command('admin', { fsyncUnlock: 1 });
    }
    await writing;
    expect(await target.olderWritesRun({ load: 'default', epoch: 4 })).toBe(false);
  });
});

const COLLATED = buildDocument([['collation', doc(fromObject({ locale: 'en', strength: 2 }))]]);
