/** Dead letters of collections that are dropped, renamed or have another name on the target. */
import { int32 } from '@waybill/shared/bson/build';
import { expect } from 'vitest';
import { itWithLetters, readLog } from '../support/letters.ts';
import { order } from '../support/load-documents.ts';
import { describeWithServer } from '../support/servers.ts';
import { ofCollection, put } from '../support/stream-builder.ts';

await describeWithServer('dead letters', (servers) => {
  const it = itWithLetters(() => servers.target.uri);

  it('follow their collection when it is renamed, and go when it is dropped', async ({
    bucket,
    client,
    database,
    limited,
    orders,
    stream,
    run,
    ask,
    expectStored,
  }) => {
    await limited();
    await client.client.db(database).createCollection('gone', { validator: { state: { $lt: 10 } } });
    const gone = `${database}.gone`;
    const [orderId, goneId] = ['1'.repeat(32), '2'.repeat(32)];
    await stream.snapshot([
      { namespace: orders, uuid: orderId, documents: [1, 2].map((n) => order(int32(n), 90 + n)) },
      { namespace: gone, uuid: goneId, documents: [order(int32(1), 99)] },
    ]);
    await stream.milestone('caught-up');
    await run({ maxDeadLetters: 10, allowDrop: true });
    await stream.ddl([
      { operation: 'rename', namespace: orders, to: `${database}.kept`, uuid: orderId },
      { operation: 'drop', namespace: gone, uuid: goneId },
    ]);
    await stream.changes(ofCollection(orderId, [put(`${database}.kept`, order(int32(1), 1), 'update')]));
    await stream.milestone('caught-up');
    await run({ maxDeadLetters: 10, allowDrop: true });
    const { open } = await readLog(bucket.url);
    expect(open).toMatchObject([{ namespace: `${database}.kept`, source: orders }]);
    await client.command(database, { collMod: 'kept', validator: {} });
    expect(await ask()).toMatchObject({ retried: 1, left: 0 });
    await expectStored([order(int32(1), 1), order(int32(2), 92)], 'kept');
    expect(
      await client.client
        .db(database)
        .listCollections({ name: { $in: ['gone', 'orders'] } })
        .toArray(),
    ).toEqual([]);
  });

  it('give way to what comes after a collection was read anew', async ({
    bucket,
    limited,
    orders,
    stream,
    run,
  }) => {
    await limited();
    await stream.snapshot([{ namespace: orders, documents: [order(int32(1), 91)] }]);
    await stream.ddl([{ operation: 'drop', namespace: orders, synthetic: true }]);
    await stream.milestone('caught-up');
    await run({ maxDeadLetters: 10 });
    expect(await readLog(bucket.url)).toMatchObject({ open: [], lines: [{}, { dropped: orders }] });
  });

  it('have both names of their collection where it has another one on the target', async ({
    bucket,
    client,
    database,
    orders,
    stream,
    run,
    ask,
    expectStored,
  }) => {
    const there = client.client.db(database);
    await there.createCollection('mapped', { validator: { state: { $lt: 10 } } });
    const map = [`${orders}=${database}.mapped`];
    await stream.snapshot([{ namespace: orders, documents: [order(int32(1), 91), order(int32(2), 92)] }]);
    await stream.changes([put(orders, order(int32(3), 93)), put(orders, order(int32(2), 2), 'update')]);
    await stream.milestone('caught-up');
    await run({ maxDeadLetters: 10, map });
    const { open, records } = await readLog(bucket.url);
    expect(open).toMatchObject([
      { namespace: `${database}.mapped`, source: orders, number: 1 },
      { namespace: `${database}.mapped`, source: orders, place: { sequence: 1 } },
    ]);
    expect(open.map(({ number }) => records.get(number)?.namespace)).toEqual([orders, orders]);
    await client.command(database, { collMod: 'mapped', validator: {} });
    expect(await ask({ choice: { namespaces: [orders] } })).toMatchObject({ retried: 0 });
    expect(await ask({ choice: { namespaces: [`${database}.mapped`] } })).toMatchObject({ retried: 2 });
    await expectStored([order(int32(1), 91), order(int32(2), 2), order(int32(3), 93)], 'mapped');
    expect(await there.listCollections({ name: 'orders' }).toArray()).toEqual([]);
  });
});
