/** Loads under other names: what reaches the target, and what is refused. */
import { array, buildArray, buildDocument, doc, fromObject, int32, string } from '@waybill/shared/bson/build';
import { loadPrefix } from '@waybill/shared/manifest/keys';
import { readManifest } from '@waybill/shared/manifest/log';
import { expect } from 'vitest';
import { itLoadsMapped, one } from '../support/load-mapped.ts';
import { A, B, C } from '../support/load-structure.ts';
import { describeWithServer } from '../support/servers.ts';
import { put, remove } from '../support/stream-builder.ts';

const ID_INDEX = fromObject({ v: 2, key: { _id: 1 }, name: '_id_' });
const BY_N = fromObject({ v: 2, key: { n: 1 }, name: 'n_1', ns: 'shop.orders' });
/** Every order with the users of the same number. */
const WITH_USERS = array(
  buildArray([
    doc(
      buildDocument([
        ['$lookup', doc(fromObject({ from: 'users', localField: 'n', foreignField: 'n', as: 'users' }))],
      ]),
    ),
  ]),
);
const view = (on: string): Buffer =>
  buildDocument([
    ['viewOn', string(on)],
    ['pipeline', WITH_USERS],
  ]);

for (const target of ['current', 'oldest'] as const) {
  await describeWithServer(
    `a load with a mapping of names, to the ${target} server,`,
    (servers) => {
      const it = itLoadsMapped(() => servers.target.uri)
        /** Two databases into one, with joined names, and one under another name. */
        .extend('map', ({ database, other }) => [`*.*=${database}.{db}_{coll}`, `news=${other}`]);

      it('follows documents, structure, renames and drops under the target names', async ({
        client,
        database,
        map,
        stream,
        run,
        onTarget,
      }) => {
        await stream.snapshot([
          { namespace: 'shop.orders', uuid: A, indexes: [ID_INDEX, BY_N], documents: [one(1), one(2, 2)] },
          { namespace: 'shop.users', uuid: B, documents: [one(7, 2)] },
          { namespace: 'crm.orders', documents: [one(1, 9)] },
          { namespace: 'news.items', documents: [one(1)] },
          { namespace: 'shop.detailed', type: 'view', options: view('orders') },
        ]);
        await stream.changes([
          put('shop.orders', one(1, 5), 'update'),
          put('crm.orders', one(2, 9)),
          remove('shop.orders', int32(7)),
          put('news.items', one(2)),
        ]);
        await stream.ddl([
          { operation: 'create', namespace: 'crm.leads', uuid: C, description: {} },
          {
            operation: 'createIndexes',
            namespace: 'crm.leads',
            description: { indexes: [{ v: 2, key: { at: 1 }, name: 'at_1' }] },
          },
          { operation: 'rename', namespace: 'shop.users', to: 'shop.people', uuid: B },
          { operation: 'modify', namespace: 'shop.detailed', description: view('people') },
        ]);
        await stream.changes([put('crm.leads', one(1)), put('shop.people', one(8))]);
        await stream.milestone('caught-up');
        const { indexes } = await run({ map });
        expect(await onTarget()).toEqual([
          'crm_leads: 1:0',
          'crm_orders: 1:9 2:9',
          'other.items: 1:0 2:0',
          'shop_detailed: 7:2 8:0',
          'shop_orders: 1:5 2:2',
          'shop_people: 7:2 8:0',
        ]);
        expect(indexes.map(({ namespace, name }) => `${namespace} ${name}`).sort()).toEqual([
          `${database}.crm_leads at_1`,
          `${database}.shop_orders n_1`,
        ]);
        const [definition] = await client.client
          .db(database)
          .listCollections({ name: 'shop_detailed' })
          .toArray();
        expect(definition).toMatchObject({
          options: { viewOn: 'shop_people', pipeline: [{ $lookup: { from: 'shop_users' } }] },
        });

        // Only what came from that database is dropped, and the target's database stays.
        await stream.ddl([
          { operation: 'drop', namespace: 'shop.people', uuid: B },
          { operation: 'dropDatabase', namespace: 'crm' },
        ]);
        await stream.changes([put('shop.orders', one(3))]);
        await run({ allowDrop: true });
        expect(await onTarget()).toEqual([
          'other.items: 1:0 2:0',
          'shop_detailed:',
          'shop_orders: 1:5 2:2 3:0',
        ]);
      });

      it('keeps its rules: goes on without being told, and refuses others', async ({
        map,
        stream,
        bucket,
        run,
        onTarget,
      }) => {
        await stream.snapshot([{ namespace: 'news.items', documents: [one(1)] }]);
        await run({ map, until: 'snapshot-applied', allowEmpty: true });
        const log = () => readManifest(stream.bucket, loadPrefix('default', 'default'));
        const { seq } = await log();
        for (const others of [['news.*=elsewhere.*'], [...map, 'a.b=c.d']]) {
          await expect(run({ map: others })).rejects.toMatchObject({
            code: 'LOAD_OPTIONS_CHANGED',
            message: expect.stringContaining(`was started with --map`),
          });
        }
        expect((await log()).seq).toBe(seq);
        await stream.changes([put('news.items', one(2))]);
        await stream.milestone('caught-up');
        await run();
        await run({ map: map.toReversed() });
        expect(await onTarget()).toEqual(['other.items: 1:0 2:0']);
        expect(bucket.url).toBeTruthy();
      });

      it('is refused to a load that began without one', async ({ map, stream, run }) => {
        await stream.snapshot([]);
        await stream.milestone('caught-up');
        await run({ allowEmpty: true });
        await expect(run({ map })).rejects.toMatchObject({
          code: 'LOAD_OPTIONS_CHANGED',
          message: expect.stringContaining("was started with the source's own names"),
        });
      });

      it('may not have a rule that is for nothing', async ({ database, stream, run, onTarget }) => {
        await stream.snapshot([{ namespace: 'shop.orders', documents: [one(1)] }]);
        await stream.milestone('caught-up');
        const map = [`shop.order=${database}.x`, `shop=${database}`];
        await expect(run({ map })).rejects.toMatchObject({
          code: 'CONFIG_PATTERN_UNMATCHED',
          message: expect.stringContaining(
            '--map names nothing that stream default has and the load takes: shop.order=',
          ),
        });
        expect(await onTarget()).toEqual([]);
        await run({ map, allowEmpty: true });
        expect(await onTarget()).toEqual(['orders: 1:0']);
      });

      it('leaves names alone that it does not take, whatever has them on the target', async ({
        database,
        stream,
        run,
        onTarget,
      }) => {
        await stream.snapshot([
          { namespace: 'shop.orders', uuid: A, documents: [one(1)] },
          { namespace: `${database}.orders`, uuid: B, documents: [one(50)] },
          { namespace: 'shop.moved', uuid: C, documents: [one(60)] },
        ]);
        // What the load does not take has the target's name of what it takes.
        await stream.ddl([
          { operation: 'rename', namespace: `${database}.orders`, to: 'shop.moved', uuid: C },
          { operation: 'drop', namespace: `${database}.orders`, uuid: B },
          { operation: 'dropDatabase', namespace: database },
        ]);
        await stream.changes([put('shop.orders', one(2))]);
        await stream.milestone('caught-up');
        await run({ include: ['shop'], map: [`shop=${database}`], allowDrop: true });
        expect(await onTarget()).toEqual(['moved: 60:0', 'orders: 1:0 2:0']);
      });

      it('renames across databases of the target, where the rules say so', async ({
        database,
        other,
        stream,
        run,
        onTarget,
      }) => {
        await stream.snapshot([
          { namespace: 'shop.orders', uuid: A, indexes: [ID_INDEX, BY_N], documents: [one(1)] },
        ]);
        await stream.ddl([{ operation: 'rename', namespace: 'shop.orders', to: 'shop.old', uuid: A }]);
        await stream.changes([put('shop.old', one(2))]);
        await stream.milestone('caught-up');
        const { indexes } = await run({ map: [`shop.orders=${database}.*`, `shop=${other}`] });
        expect(await onTarget()).toEqual(['other.old: 1:0 2:0']);
        expect(indexes.map(({ namespace }) => namespace)).toEqual([`${other}.old`]);
      });

      it('blocks a view that would read another database, and says why', async ({
        database,
        other,
        stream,
        run,
        onTarget,
      }) => {
        await stream.snapshot([
          { namespace: 'shop.orders', documents: [one(1)] },
          { namespace: 'shop.users', documents: [one(1)] },
          { namespace: 'shop.detailed', type: 'view', options: view('orders') },
        ]);
        await stream.milestone('caught-up');
        const map = [`shop=${database}`, `shop.users=${other}.users`];
        for (let start = 0; start < 2; start++) {
          const { blocked } = await run({ map });
          expect(blocked).toEqual([
            {
              namespace: `${database}.detailed`,
              kind: 'view',
              name: '',
              reason: `it reads shop.users, which --map puts into another database (${other}) than the view (${database})`,
            },
          ]);
        }
        expect(await onTarget()).toEqual(['orders: 1:0', 'other.users: 1:0']);
        // Changed so that it reads its own database alone.
        const description = buildDocument([
          ['viewOn', string('orders')],
          ['pipeline', array(buildArray([]))],
        ]);
        await stream.ddl([{ operation: 'modify', namespace: 'shop.detailed', description }]);
        expect((await run()).blocked).toEqual([]);
        expect(await onTarget()).toContain('detailed: 1:0');
      });

      it('keeps the progress of the load free', async ({ stream, run, onTarget }) => {
        await stream.snapshot([{ namespace: 'shop.orders', documents: [one(1)] }]);
        await stream.milestone('caught-up');
        await expect(run({ map: ['shop.orders=waybill.progress'] })).rejects.toMatchObject({
          code: 'TARGET_PROGRESS_COLLISION',
          message: expect.stringContaining(
            "shop.orders of the source's own, which is waybill.progress on the target",
          ),
        });
        expect(await onTarget()).toEqual([]);
      });
    },
    { target },
  );
}
