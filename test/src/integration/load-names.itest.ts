/** Finds the collection that a change belongs to if several had its name, one after another. */
import { fromObject, int32 } from '@waybill/shared/bson/build';
import { expect } from 'vitest';
import { temporaryBucket } from '../support/bucket.ts';
import { A, B, C, itLoadsStructure } from '../support/load-structure.ts';
import { describeWithServer } from '../support/servers.ts';
import { ofCollection, put, remove, StreamBuilder } from '../support/stream-builder.ts';

await describeWithServer('one name of several collections', (servers) => {
  const it = itLoadsStructure(() => servers.target.uri, 'names');

  it('take what the inventory found later than the events that the stream still tells', async ({
    client,
    database,
    stream,
    run,
    collections,
    ids,
  }) => {
    // Between T0 and the inventory: x was renamed to y, z was dropped and made anew with a
    // collation.
    const [x, y, z] = ['x', 'y', 'z'].map((name) => `${database}.${name}`) as [string, string, string];
    await stream.snapshot([
      { namespace: y, uuid: A, documents: [fromObject({ _id: 1, n: 2 }), fromObject({ _id: 2 })] },
      {
        namespace: z,
        uuid: C,
        options: fromObject({ collation: { locale: 'en', strength: 2 } }),
        documents: [fromObject({ _id: 'later' })],
      },
    ]);
    await stream.changes([put(x, fromObject({ _id: 1, n: 1 })), put(z, fromObject({ _id: 'earlier' }))]);
    await stream.ddl([
      { operation: 'rename', namespace: x, to: y, uuid: A },
      { operation: 'drop', namespace: z, uuid: B },
      {
        operation: 'create',
        namespace: z,
        uuid: C,
        description: { collation: { locale: 'en', strength: 2 } },
      },
    ]);
    await stream.changes([
      put(y, fromObject({ _id: 1, n: 2 })),
      put(y, fromObject({ _id: 2 })),
      put(z, fromObject({ _id: 'later' })),
    ]);
    await stream.milestone('caught-up');
    await run({ allowDrop: true });
    expect(await collections()).toEqual(['y', 'z']);
    expect(await ids('y')).toEqual([1, 2]);
    expect(await ids('z')).toEqual(['later']);
    const [info] = await client.client.db(database).listCollections({ name: 'z' }).toArray();
    expect((info as { options?: unknown }).options).toMatchObject({ collation: { strength: 2 } });
  });

  it('get no changes of another one that had their name before', async ({
    client,
    database,
    stream,
    run,
    collections,
  }) => {
    // Between T0 and an inventory under later names: a was renamed over b, x over y by way of c.
    const [a, b, c, x, y] = ['a', 'b', 'c', 'x', 'y'].map((name) => `${database}.${name}`) as [
      string,
      string,
      string,
      string,
      string,
    ];
    const doc = (_id: number, of: string) => fromObject({ _id, of });
    await stream.snapshot([
      { namespace: b, uuid: A, documents: [doc(1, 'a'), doc(2, 'a')] },
      { namespace: y, uuid: C, documents: [doc(1, 'x')] },
    ]);
    await stream.changes([
      ...ofCollection(B, [put(b, doc(1, 'old'), 'update'), put(b, doc(9, 'old')), remove(b, int32(2))]),
      ...ofCollection(A, [put(a, doc(2, 'a'))]),
      ...ofCollection(C, [put(x, doc(1, 'x'))]),
      ...ofCollection(B, [put(y, doc(9, 'old'))]),
    ]);
    await stream.ddl([
      { operation: 'rename', namespace: a, to: b, uuid: A },
      { operation: 'rename', namespace: x, to: c, uuid: C },
    ]);
    await stream.changes(ofCollection(B, [put(y, doc(8, 'old'))]));
    await stream.ddl([{ operation: 'rename', namespace: c, to: y, uuid: C }]);
    await stream.changes([
      ...ofCollection(A, [put(b, doc(3, 'a'))]),
      ...ofCollection(C, [put(y, doc(3, 'x'))]),
    ]);
    await stream.milestone('caught-up');
    await run({ allowDrop: true });
    expect(await collections()).toEqual(['b', 'y']);
    const read = (name: string) =>
      client.client.db(database).collection(name).find().sort({ _id: 1 }).toArray();
    expect(await read('b')).toEqual([1, 2, 3].map((_id) => ({ _id, of: 'a' })));
    expect(await read('y')).toEqual([1, 3].map((_id) => ({ _id, of: 'x' })));
  });

  it('do not begin with what was written to another one, which was gone before the inventory', async ({
    orders,
    stream,
    run,
    ids,
  }) => {
    await stream.snapshot([]);
    await stream.changes(ofCollection(B, [put(orders, fromObject({ _id: 'old' }))]));
    await stream.ddl([{ operation: 'create', namespace: orders, uuid: A, description: { idIndex: {} } }]);
    await stream.changes(ofCollection(A, [put(orders, fromObject({ _id: 'new' }))]));
    await stream.milestone('caught-up');
    await run({ allowDrop: true });
    expect(await ids('orders')).toEqual(['new']);
  });

  it('of a sharded source get what is written to them under an earlier or later uuid', async ({
    orders,
    run,
    ids,
  }) => {
    await using folder = await temporaryBucket();
    const sharded = await StreamBuilder.create(folder.url, { sourceTopology: 'sharded' });
    await sharded.snapshot([{ namespace: orders, uuid: B, documents: [fromObject({ _id: 1 })] }]);
    for (const [at, uuid] of [A, B, C].entries()) {
      await sharded.changes(ofCollection(uuid, [put(orders, fromObject({ _id: 10 + at }))]));
    }
    await sharded.milestone('caught-up');
    await run({ bucketUrl: folder.url });
    expect(await ids('orders')).toEqual([1, 10, 11, 12]);
  });

  it('go on with another of their name after a structure change that was left out', async ({
    database,
    orders,
    stream,
    run,
    ids,
  }) => {
    const sold = `${database}.sold`;
    const definition = (namespace: string, uuid: string) => ({ namespace, uuid, documents: [] });
    await stream.snapshot([definition(orders, A), definition(sold, B)]);
    await stream.ddl([
      { operation: 'rename', namespace: orders, to: sold, uuid: A },
      { operation: 'create', namespace: orders, uuid: C, description: {} },
    ]);
    await stream.milestone('caught-up');
    await run({ ddl: 'ignore' });
    await stream.changes([
      ...ofCollection(A, [put(sold, fromObject({ _id: 1 }))]),
      ...ofCollection(C, [put(orders, fromObject({ _id: 2 }))]),
    ]);
    await stream.milestone('drained');
    await run({ until: 'drained' });
    expect([await ids('sold'), await ids('orders')]).toEqual([[1], [2]]);
  });
});
