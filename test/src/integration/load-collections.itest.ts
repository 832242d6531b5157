/**
 * Collections and views on the target: made with their options, changed by the stream, repeated,
 * and left alone.
 */
import { fromObject, int32, type Plain } from '@waybill/shared/bson/build';
import { expect } from 'vitest';
import { A, B, C, itLoadsStructure } from '../support/load-structure.ts';
import type { TestClient } from '../support/raw.ts';
import { describeWithServer } from '../support/servers.ts';
import { put, remove, type StreamBuilder } from '../support/stream-builder.ts';

await describeWithServer('collections on the target', (servers) => {
  const it = itLoadsStructure(() => servers.target.uri, 'collections');

  it('come with their options, and views after what they stand on', async ({
    client,
    database,
    stream,
    run,
    restore,
    collections,
  }) => {
    const clusteredIndex: Plain = { v: 2, key: { _id: 1 }, name: 'key', unique: true };
    await stream.snapshot([
      {
        namespace: `${database}.top`,
        type: 'view',
        options: fromObject({ viewOn: 'middle', pipeline: [], collation: { locale: 'de' } }),
      },
      {
        namespace: `${database}.middle`,
        type: 'view',
        options: fromObject({
          viewOn: 'base',
          pipeline: [{ $match: { a: 1 } }],
          collation: { locale: 'de' },
        }),
      },
      {
        namespace: `${database}.base`,
        options: fromObject({ collation: { locale: 'de' } }),
        documents: [],
      },
      { namespace: `${database}.capped`, options: fromObject({ capped: true, size: 4096, max: 3n }) },
      {
        namespace: `${database}.checked`,
        options: fromObject({
          validator: { a: { $exists: true } },
          validationLevel: 'moderate',
          validationAction: 'warn',
        }),
      },
      {
        namespace: `${database}.clustered`,
        options: fromObject({ clusteredIndex, expireAfterSeconds: 100n }),
      },
      {
        namespace: `${database}.images`,
        options: fromObject({ changeStreamPreAndPostImages: { enabled: true } }),
      },
    ]);
    await stream.milestone('caught-up');
    await run();
    expect(await collections()).toEqual([
      'base',
      'capped',
      'checked',
      'clustered',
      'images',
      'middle',
      'top',
    ]);
    const options = async (): Promise<Record<string, unknown>> =>
      Object.fromEntries(
        (await client.client.db(database).listCollections().toArray()).map((info) => [
          info.name,
          (info as { options?: unknown }).options,
        ]),
      );
    expect(await options()).toMatchObject({
      capped: { capped: true, size: 4096, max: 3 },
      checked: {
        validator: { a: { $exists: true } },
        validationLevel: 'moderate',
        validationAction: 'warn',
      },
      images: { changeStreamPreAndPostImages: { enabled: true } },
      top: { viewOn: 'middle', collation: { locale: 'de' } },
    });
    expect((await options()).clustered).not.toHaveProperty('expireAfterSeconds');
    await restore();
    expect((await options()).clustered).toMatchObject({ expireAfterSeconds: 100 });
  });

  it('follow the stream, also where names go round', async ({
    client,
    database,
    stream,
    run,
    collections,
    ids,
  }) => {
    await stream.snapshot([
      { namespace: `${database}.a`, uuid: A, documents: [fromObject({ _id: 1 })] },
      { namespace: `${database}.b`, uuid: B, documents: [fromObject({ _id: 2 })] },
      { namespace: `${database}.v`, type: 'view', options: fromObject({ viewOn: 'a', pipeline: [] }) },
    ]);
    await run({ until: 'snapshot-applied' });
    const [a, b, c] = ['a', 'b', 'c'].map((name) => `${database}.${name}`) as [string, string, string];
    const idIndex = { v: 2, key: { _id: 1 }, name: '_id_' };
    await stream.changes([put(a, fromObject({ _id: 10 })), put(b, fromObject({ _id: 20 }))]);
    // The names go round: a → c, b → a, c → b.
    await stream.ddl([
      { operation: 'rename', namespace: a, to: c, uuid: A },
      { operation: 'rename', namespace: b, to: a, uuid: B },
      { operation: 'rename', namespace: c, to: b, uuid: A },
    ]);
    await stream.changes([put(a, fromObject({ _id: 200 })), put(b, fromObject({ _id: 100 }))]);
    await stream.ddl([
      { operation: 'create', namespace: c, uuid: C, description: { capped: true, size: 4096, idIndex } },
    ]);
    await stream.changes([put(c, fromObject({ _id: 3 }))]);
    await stream.ddl([
      {
        operation: 'modify',
        namespace: b,
        uuid: A,
        description: { validator: { x: 1 }, validationLevel: 'off' },
      },
    ]);
    await stream.ddl([{ operation: 'drop', namespace: a, uuid: B }]);
    await stream.ddl([
      { operation: 'drop', namespace: `${database}.v` },
      { operation: 'create', namespace: `${database}.w`, description: { viewOn: 'c', pipeline: [] } },
      {
        operation: 'modify',
        namespace: `${database}.w`,
        description: { viewOn: 'b', pipeline: [{ $match: {} }] },
      },
    ]);
    await stream.milestone('caught-up');
    await expect(run()).rejects.toMatchObject({
      code: 'TARGET_DROP_NOT_ALLOWED',
      message: expect.stringContaining(a),
    });
    const expectEnd = async () => {
      expect(await collections()).toEqual(['b', 'c', 'w']);
      expect(await ids('b')).toEqual([1, 10, 100]);
      expect(await ids('c')).toEqual([3]);
      const [info] = await client.client.db(database).listCollections({ name: 'b' }).toArray();
      expect((info as { options?: unknown }).options).toMatchObject({ validationLevel: 'off' });
      const [view] = await client.client.db(database).listCollections({ name: 'w' }).toArray();
      expect((view as { options?: unknown }).options).toMatchObject({
        viewOn: 'b',
        pipeline: [{ $match: {} }],
      });
    };
    await run({ allowDrop: true });
    await expectEnd();
  });

  it('give way, without a word of the operator, to what is read anew where the source dropped nothing', async ({
    database,
    stream,
    run,
    ids,
  }) => {
    const namespace = `${database}.a`;
    await stream.snapshot([{ namespace, uuid: A, documents: [fromObject({ _id: 1 })] }]);
    await stream.ddl([
      { operation: 'drop', namespace, synthetic: true },
      { operation: 'create', namespace, uuid: B },
    ]);
    await stream.changes([put(namespace, fromObject({ _id: 2 }), 'read')]);
    await stream.milestone('caught-up');
    await run();
    expect(await ids('a')).toEqual([2]);
  });

  it('repeat each event over its own effect', async ({ client, database, stream, run, collections }) => {
    const [a, b] = [`${database}.a`, `${database}.b`];
    const idIndex = { v: 2, key: { _id: 1 }, name: '_id_' };
    await stream.snapshot([{ namespace: a, uuid: A, documents: [fromObject({ _id: 1 })] }]);
    await run({ until: 'snapshot-applied' });
    const steps = [
      () =>
        stream.ddl([{ operation: 'create', namespace: `${database}.n`, uuid: B, description: { idIndex } }]),
      () => stream.ddl([{ operation: 'rename', namespace: a, to: b, uuid: A }]),
      () =>
        stream.ddl([
          {
            operation: 'createIndexes',
            namespace: b,
            uuid: A,
            description: { indexes: [{ v: 2, key: { s: 1 }, name: 's' }] },
          },
        ]),
      () =>
        stream.ddl([
          {
            operation: 'dropIndexes',
            namespace: b,
            uuid: A,
            description: { indexes: [{ v: 2, key: { s: 1 }, name: 's' }] },
          },
        ]),
      () =>
        stream.ddl([{ operation: 'modify', namespace: b, uuid: A, description: { validator: { q: 1 } } }]),
      () => stream.ddl([{ operation: 'drop', namespace: `${database}.n`, uuid: B }]),
      () => stream.ddl([{ operation: 'dropDatabase', namespace: database }]),
    ];
    await stream.milestone('caught-up');
    const seen: string[][] = [];
    for (const step of steps) {
      await step();
      await run({ allowDrop: true });
      const once = await collections();
      await backToBefore(client, stream);
      await run({ allowDrop: true });
      expect(await collections()).toEqual(once);
      seen.push(once);
    }
    expect(seen).toEqual([['a', 'n'], ['b', 'n'], ['b', 'n'], ['b', 'n'], ['b', 'n'], ['b'], []]);
  });

  it('stop at, or leave out, structure changes as --ddl says', async ({
    database,
    orders,
    stream,
    run,
    collections,
    ids,
  }) => {
    await stream.snapshot([{ namespace: orders, documents: [fromObject({ _id: 1 })] }]);
    await stream.changes([put(orders, fromObject({ _id: 2 }))]);
    await stream.ddl([{ operation: 'drop', namespace: orders }]);
    await stream.changes([remove(orders, int32(5)), put(`${database}.more`, fromObject({ _id: 1 }))]);
    await stream.milestone('caught-up');
    await expect(run({ ddl: 'halt' })).rejects.toMatchObject({ code: 'TARGET_DDL_HALTED' });
    expect(await ids('orders')).toEqual([1, 2]);
    await run({ ddl: 'ignore' });
    expect(await collections()).toEqual(['more', 'orders']);
    expect(await ids('orders')).toEqual([1, 2]);
  });

  it('leave alone what is not theirs', async ({ client, database, orders, stream, run, collections }) => {
    await client.client.db(database).collection('foreign').insertOne({ mine: true });
    await stream.snapshot([{ namespace: orders, documents: [fromObject({ _id: 1 })] }]);
    await stream.ddl([
      { operation: 'drop', namespace: `${database}.foreign` },
      { operation: 'dropDatabase', namespace: database },
    ]);
    await stream.milestone('caught-up');
    await run({ allowDrop: true });
    expect(await collections()).toEqual(['foreign']);
  });
});

/** Only the last commit of structure changes is repeated. */
async function backToBefore(of: TestClient, stream: StreamBuilder): Promise<void> {
  const progress = of.client.db('waybill').collection<{ _id: string; seq: number }>('progress');
  const state = await progress.findOne({ _id: 'default/state' });
  const barrierSeq = Number((state as unknown as { barrierSeq: number }).barrierSeq);
  const previous = JSON.parse(
    (await stream.bucket.get(`default/manifest/${String(barrierSeq).padStart(20, '0')}.json`)).toString(),
  ) as { previous?: string };
  const fields = { seq: barrierSeq - 1, hash: previous.previous ?? null };
  await progress.updateMany({ _id: /\/lane\// }, { $set: fields });
  await progress.updateOne({ _id: 'default/state' }, { $set: { barrierSeq: 0, barrierDone: 0 } } as object);
}
