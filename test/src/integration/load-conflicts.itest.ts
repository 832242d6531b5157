/** A unique index on the target that somebody else made, and keys that change hands. */
import type { Refusal } from '@waybill/load/apply/refusal';
import { int32 } from '@waybill/shared/bson/build';
import { expect } from 'vitest';
import { awaitUntil } from '../support/await-until.ts';
import { cursors, itLoadsDocuments, order } from '../support/load-documents.ts';
import { describeWithServer } from '../support/servers.ts';
import { put } from '../support/stream-builder.ts';

await describeWithServer('a unique index that the load does not own', (servers) => {
  const it = itLoadsDocuments(() => servers.target.uri, 'conflicts').extend(
    'begin',
    ({ client, database, orders, stream, run }) =>
      async (states: readonly number[]) => {
        const documents = states.map((state, id) => order(int32(id), state));
        await stream.snapshot([{ namespace: orders, documents }]);
        await run({ until: 'snapshot-applied' });
        const collection = client.client.db(database).collection('orders');
        await collection.createIndex({ state: 1 }, { unique: true, name: 'mine' });
      },
  );
  const counts = (stats: { trouble: { conflicts: ReadonlyMap<string, object> } }) => [
    ...stats.trouble.conflicts.values(),
  ];

  it('lets two documents exchange their keys', async ({ begin, orders, stream, run, expectStored }) => {
    await begin([5, 6]);
    await stream.changes([
      put(orders, order(int32(0), 6), 'update'),
      put(orders, order(int32(1), 5), 'update'),
    ]);
    await stream.milestone('caught-up');
    const { stats } = await run();
    await expectStored([order(int32(0), 6), order(int32(1), 5)]);
    expect(counts(stats)).toMatchObject([{ index: 'mine', met: 2, solved: 2, refused: 0 }]);
  });

  it('lets a key go from document to document, through all lanes', async ({
    begin,
    orders,
    stream,
    run,
    expectStored,
  }) => {
    const ids = Array.from({ length: 60 }, (_, id) => id);
    await begin(ids);
    await stream.changes(ids.map((id) => put(orders, order(int32(id), id + 1), 'update')));
    await stream.milestone('caught-up');
    const { stats } = await run();
    await expectStored(ids.map((id) => order(int32(id), id + 1)));
    expect(counts(stats)).toMatchObject([{ index: 'mine', refused: 0 }]);
  });

  it('waits for a change in a later window, which frees the key or replaces the document', async ({
    begin,
    orders,
    stream,
    run,
    expectStored,
  }) => {
    await begin([5, 6, 7]);
    // Images that are later than their events.
    await stream.changes([put(orders, order(int32(1), 5), 'update')]);
    await stream.changes([put(orders, order(int32(2), 5), 'update')]);
    await stream.changes([put(orders, order(int32(2), 9), 'update')]);
    await stream.changes([put(orders, order(int32(0), 8), 'update')]);
    await stream.milestone('caught-up');
    const { stats } = await run({ windowBytes: 1 });
    await expectStored([order(int32(0), 8), order(int32(1), 5), order(int32(2), 9)]);
    expect(counts(stats)).toMatchObject([{ index: 'mine', refused: 0 }]);
  });

  it('tries documents of the snapshot again when all of it is there', async ({
    client,
    database,
    orders,
    stream,
    run,
    expectStored,
  }) => {
    const documents = [5, 6].map((state, id) => order(int32(id), state));
    const open = { complete: false };
    await stream.snapshot([{ namespace: orders, documents, segmentDocuments: 1 }], open);
    const progress = client.client.db('waybill').collection('progress');
    const finished = () => progress.countDocuments({ kind: 'segment' });
    const stop = new AbortController();
    const running = run({ signal: stop.signal });
    await awaitUntil('both segments are there', async () => (await finished()) === 2);
    stop.abort();
    await running;
    // As if it had been killed, with an index of somebody and other states on the target.
    await progress.deleteMany({ kind: 'segment' });
    const collection = client.client.db(database).collection<{ _id: number }>('orders');
    await collection.updateOne({ _id: 0 }, { $set: { state: 6 } });
    await collection.updateOne({ _id: 1 }, { $set: { state: 5 } });
    await collection.createIndex({ state: 1 }, { unique: true, name: 'mine' });
    await stream.milestone('snapshot-completed');
    const { stats } = await run({ until: 'snapshot-applied' });
    await expectStored(documents);
    expect(await finished()).toBe(2);
    expect(counts(stats)).toMatchObject([{ index: 'mine', met: 2, solved: 2, refused: 0 }]);
  });

  it('refuses in the end, counted by index, and no cursor passes before', async ({
    begin,
    client,
    orders,
    stream,
    run,
    expectStored,
  }) => {
    await begin([5]);
    const { seq } = await stream.changes([
      put(orders, order(int32(1), 5), 'insert'),
      put(orders, order(int32(2), 6), 'insert'),
    ]);
    await stream.milestone('caught-up');
    const conflictMs = 300;
    await expect(run({ conflictMs })).rejects.toMatchObject({
      code: 'TARGET_REFUSED_DOCUMENT',
      context: { index: 'mine' },
    });
    expect(Math.max(...(await cursors(client)).map((cursor) => cursor.seq))).toBeLessThan(seq);
    const refused: Refusal[] = [];
    const { stats } = await run({
      conflictMs,
      onRefused: async (refusals) => {
        refused.push(...refusals);
      },
    });
    expect(refused).toMatchObject([{ id: int32(1), code: 11000, indexName: 'mine' }]);
    expect(refused[0]!.attempts).toBeGreaterThan(2);
    expect(counts(stats)).toMatchObject([{ index: 'mine', met: 1, solved: 0, refused: 1 }]);
    await expectStored([order(int32(0), 5), order(int32(2), 6)]);
  });
});
