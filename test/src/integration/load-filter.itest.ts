/** Loads that take only a part of their stream: what reaches the target. */
import { fromObject, int32 } from '@waybill/shared/bson/build';
import { loadPrefix, segmentKey, streamPrefix } from '@waybill/shared/manifest/keys';
import { readManifest } from '@waybill/shared/manifest/log';
import { describe, expect } from 'vitest';
import { itLoads } from '../support/fresh-load.ts';
import { describeWithServer, uniqueName } from '../support/servers.ts';
import { put, remove } from '../support/stream-builder.ts';

const ID_INDEX = fromObject({ v: 2, key: { _id: 1 }, name: '_id_' });
const BY_N = fromObject({ v: 2, key: { n: 1 }, name: 'n_1' });
const A = 'a'.repeat(32);
const B = 'b'.repeat(32);
const one = (id: number, n = 0): Buffer => fromObject({ _id: id, n });

await describeWithServer('a load with a filter', (servers) => {
  const it = itLoads(() => servers.target.uri, 'shop')
    .extend('shop', ({ database }) => database)
    .extend('crm', async ({ client }, { onCleanup }) => {
      const crm = uniqueName('crm');
      onCleanup(async () => {
        await client.client.db(crm).dropDatabase();
      });
      return crm;
    })
    .extend('old', ({ shop }) => `${shop}.old`)
    .extend(
      'short',
      ({ shop, crm }) =>
        (namespace: string): string =>
          namespace.replace(shop, 'shop').replace(crm, 'crm'),
    )
    /** `collection: _id:n …` of both databases, sorted. */
    .extend('onTarget', ({ client, shop, crm }) => async (): Promise<string[]> => {
      const lines: string[] = [];
      for (const database of [shop, crm]) {
        const db = client.client.db(database);
        for (const { name } of await db.listCollections({}, { nameOnly: true }).toArray()) {
          const documents = await db.collection(name).find().sort({ _id: 1 }).toArray();
          const prefix = database === shop ? 'shop' : 'crm';
          lines.push(`${prefix}.${name}: ${documents.map(({ _id, n }) => `${_id}:${n}`).join(' ')}`);
        }
      }
      return lines.sort();
    })
    .extend('threeCollections', ({ stream, shop, crm }) => async (): Promise<void> => {
      const [orders, users] = [`${shop}.orders`, `${shop}.users`];
      const entries = await stream.snapshot([
        { namespace: orders, indexes: [ID_INDEX, BY_N], documents: [one(1), one(2)] },
        { namespace: users, indexes: [ID_INDEX, BY_N], documents: [one(1)] },
        { namespace: `${crm}.leads`, indexes: [ID_INDEX, BY_N], documents: [one(1)] },
      ]);
      expect(entries).toHaveLength(3);
      await stream.changes([
        put(orders, one(1, 5), 'update'),
        put(users, one(1, 5), 'update'),
        put(`${crm}.leads`, one(1, 5), 'update'),
        remove(orders, int32(2)),
        put(users, one(9, 9)),
      ]);
      const description = { indexes: [{ v: 2, key: { at: 1 }, name: 'at_1' }] };
      await stream.ddl([
        { operation: 'create', namespace: `${shop}.born`, uuid: A, description: {} },
        { operation: 'createIndexes', namespace: users, description },
        { operation: 'createIndexes', namespace: orders, description },
      ]);
      await stream.changes([put(`${shop}.born`, one(1, 1))]);
      await stream.milestone('caught-up');
    })
    .extend('moved', ({ stream }) => async (from: string, to: string, uuid: string | null = A) => {
      await stream.ddl([{ operation: 'rename', namespace: from, to, uuid }]);
    });

  it.for<readonly [string, readonly string[], readonly string[], readonly string[]]>([
    ['a database', ['shop'], [], ['shop.born: 1:1', 'shop.orders: 1:5', 'shop.users: 1:5 9:9']],
    ['collections', ['shop.orders', 'crm.leads'], [], ['crm.leads: 1:5', 'shop.orders: 1:5']],
    ['patterns', ['*.*s'], ['crm'], ['shop.orders: 1:5', 'shop.users: 1:5 9:9']],
    ['exclusion', ['shop', 'crm.leads'], ['shop.users', '*.born'], ['crm.leads: 1:5', 'shop.orders: 1:5']],
    ['exclusion alone', [], ['shop.*'], ['crm.leads: 1:5']],
  ])(
    'takes by %s what it names, with its indexes, and nothing else',
    async ([_, include, exclude, expected], { shop, crm, run, onTarget, threeCollections, short }) => {
      await threeCollections();
      const named = (patterns: readonly string[]): string[] =>
        patterns.map((each) =>
          each
            .replace(/^shop/, shop)
            .replace(/^crm/, crm)
            .replace(/^\*\.\*s$/, '*_*.*s'),
        );
      const { indexes, stats } = await run({ include: named(include), exclude: named(exclude) });
      expect(await onTarget()).toEqual(expected);
      const namespaces = expected.map((line) => line.split(':', 1)[0]!);
      const wanted = namespaces.flatMap((namespace) =>
        namespace === 'shop.born'
          ? []
          : namespace === 'crm.leads'
            ? ['crm.leads n_1']
            : [`${namespace} at_1`, `${namespace} n_1`],
      );
      const built = indexes.map(({ namespace, name }) => `${short(namespace)} ${name}`);
      expect(built.sort()).toEqual(wanted.sort());
      expect([...stats.collections.keys()].every((key) => namespaces.includes(short(key)))).toBe(true);
    },
  );

  it('does not even fetch segments of what it does not take', async ({
    stream,
    shop,
    crm,
    run,
    onTarget,
  }) => {
    const entries = await stream.snapshot([
      { namespace: `${shop}.orders`, documents: [one(1)] },
      { namespace: `${crm}.leads`, documents: [one(1)] },
    ]);
    await stream.milestone('caught-up');
    const foreign = entries.find(({ namespace }) => namespace === `${crm}.leads`)!;
    await stream.bucket.delete(segmentKey(streamPrefix('default'), foreign.key));
    await run({ include: [shop] });
    expect(await onTarget()).toEqual(['shop.orders: 1:0']);
  });

  it('keeps its filter: goes on without being told, and refuses another before it fences the owner', async ({
    orders,
    stream,
    shop,
    crm,
    run,
    onTarget,
    threeCollections,
  }) => {
    await threeCollections();
    await run({ include: [orders], until: 'snapshot-applied' });
    const log = () => readManifest(stream.bucket, loadPrefix('default', 'default'));
    const started = await log();

    const other = run({ include: [shop], exclude: [orders] });
    await expect(other).rejects.toMatchObject({
      code: 'LOAD_OPTIONS_CHANGED',
      exitCode: 2,
      message: expect.stringContaining(
        `was started with --include ${orders}, and is now given --include ${shop} --exclude ${orders}`,
      ),
      hint: expect.stringContaining('--load'),
    });
    expect((await log()).seq).toBe(started.seq);

    await run();
    expect(await onTarget()).toEqual(['shop.orders: 1:5']);
    await stream.changes([put(orders, one(3, 3)), put(`${shop}.users`, one(3, 3))]);
    await run({ include: [orders, orders] });
    expect(await onTarget()).toEqual(['shop.orders: 1:5 3:3']);

    // Another load of the same stream beside it, of the rest.
    await run({ load: 'rest', include: [crm, shop], exclude: [orders] });
    expect(await onTarget()).toEqual([
      'crm.leads: 1:5',
      'shop.born: 1:1',
      'shop.orders: 1:5 3:3',
      'shop.users: 1:5 3:3 9:9',
    ]);
    await expect(run({ load: 'rest', include: [crm] })).rejects.toMatchObject({
      code: 'LOAD_OPTIONS_CHANGED',
    });
  });

  it('is refused to a load that takes everything', async ({ shop, run, threeCollections }) => {
    await threeCollections();
    await run();
    await expect(run({ include: [shop] })).rejects.toMatchObject({
      code: 'LOAD_OPTIONS_CHANGED',
      message: expect.stringContaining('was started with everything in the stream'),
    });
  });

  describe('when the source renames collections', () => {
    it('follows inside what it takes, and lets pass what is outside', async ({
      orders,
      stream,
      shop,
      crm,
      old,
      run,
      onTarget,
      moved,
    }) => {
      await stream.snapshot([
        { namespace: orders, uuid: A, documents: [one(1)] },
        { namespace: `${crm}.leads`, uuid: B, documents: [one(1)] },
      ]);
      await moved(`${crm}.leads`, `${crm}.prospects`, B);
      await stream.ddl([{ operation: 'drop', namespace: `${crm}.prospects`, uuid: B }]);
      await stream.ddl([{ operation: 'dropDatabase', namespace: crm }]);
      await moved(orders, old);
      await stream.changes([put(old, one(2))]);
      await stream.milestone('caught-up');
      // Changes outside don't stop it, and drops there need no --allow-drop.
      await expect(run({ include: [shop], ddl: 'halt' })).rejects.toMatchObject({
        code: 'TARGET_DDL_HALTED',
        message: expect.stringContaining(orders),
      });
      await run({ include: [shop] });
      expect(await onTarget()).toEqual(['shop.old: 1:0 2:0']);
    });

    it('out of what it takes, that is a drop, for which it needs leave', async ({
      orders,
      stream,
      old,
      run,
      onTarget,
      moved,
    }) => {
      await stream.snapshot([{ namespace: orders, uuid: A, documents: [one(1)] }]);
      await moved(orders, old);
      await stream.changes([put(old, one(2))]);
      await stream.ddl([{ operation: 'create', namespace: orders, uuid: B, description: {} }]);
      await stream.changes([put(orders, one(7, 7))]);
      await stream.milestone('caught-up');
      await expect(run({ include: [orders] })).rejects.toMatchObject({
        code: 'TARGET_DROP_NOT_ALLOWED',
        message: expect.stringContaining(`renamed ${orders} to ${old}, which this load does not take`),
      });
      expect(await onTarget()).toEqual(['shop.orders: 1:0']);
      await run({ allowDrop: true });
      expect(await onTarget()).toEqual(['shop.orders: 7:7']);
    });

    it('into what it takes, it stops, says what to do, and applies nothing of it', async ({
      client,
      orders,
      stream,
      shop,
      run,
      onTarget,
      moved,
    }) => {
      await stream.snapshot([
        { namespace: orders, uuid: A, documents: [one(1)] },
        { namespace: `${shop}.drafts`, uuid: B, documents: [one(5)] },
      ]);
      await moved(`${shop}.drafts`, orders, B);
      await stream.changes([put(orders, one(6))]);
      await stream.milestone('caught-up');
      for (let start = 0; start < 2; start++) {
        await expect(run({ include: [orders], allowDrop: true })).rejects.toMatchObject({
          code: 'LOAD_RENAME_INTO_FILTER',
          message: expect.stringContaining(
            `renamed ${shop}.drafts, which this load does not take, to ${orders}`,
          ),
          hint: expect.stringContaining(`--include ${shop}.drafts`),
        });
        expect(await onTarget()).toEqual(['shop.orders: 1:0']);
      }
      // What it advises.
      await client.client.db(shop).dropDatabase();
      await run({ load: 'again', include: [orders, `${shop}.drafts`], allowDrop: true });
      expect(await onTarget()).toEqual(['shop.orders: 5:0 6:0']);
    });

    it('goes on where the inventory had found the collection under its new name', async ({
      orders,
      stream,
      shop,
      run,
      onTarget,
      moved,
    }) => {
      await stream.snapshot([{ namespace: orders, uuid: B, documents: [one(1)] }]);
      await moved(`${shop}.drafts`, orders, B);
      await stream.changes([put(orders, one(2))]);
      await stream.milestone('caught-up');
      await run({ include: [orders] });
      expect(await onTarget()).toEqual(['shop.orders: 1:0 2:0']);
    });
  });
});
