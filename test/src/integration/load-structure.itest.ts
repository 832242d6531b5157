/** Collections, views and indexes on the target: made, held back, changed by the stream, repeated, and given back. */

import { type RestoreKind, type RestoreReport, restoreHeldBack } from '@waybill/load/cutover/restore';
import { fromObject, int32, type Plain } from '@waybill/shared/bson/build';
import { silentLogger } from '@waybill/shared/logger';
import { connect } from '@waybill/shared/mongo/connection';
import { describe, expect, it } from 'vitest';
import { type TemporaryBucket, temporaryBucket } from '../support/bucket.ts';
import { freshLoad } from '../support/fresh-load.ts';
import type { TestClient } from '../support/raw.ts';
import { describeWithServer } from '../support/servers.ts';
import { ofCollection, put, remove, StreamBuilder } from '../support/stream-builder.ts';

const ID_INDEX = fromObject({ v: 2, key: { _id: 1 }, name: '_id_' });
const A = 'a'.repeat(32);
const B = 'b'.repeat(32);
const C = 'c'.repeat(32);

await describeWithServer('structure on the target', (servers) => {
  let bucket: TemporaryBucket;
  let client: TestClient;
  let database: string;
  let orders: string;
  let stream: StreamBuilder;

  const run = freshLoad(
    () => servers.target.uri,
    'structure',
    async (fresh) => {
      ({ bucket, client, database } = fresh);
      orders = `${database}.orders`;
      stream = await StreamBuilder.create(bucket.url);
    },
  );

  async function restore(...kinds: RestoreKind[]): Promise<RestoreReport[]> {
    await using target = await connect(servers.target.uri, { role: 'target' });
    const settings = { load: 'default', progressDatabase: 'waybill', ...(kinds.length > 0 && { kinds }) };
    return await restoreHeldBack(settings, {
      target,
      logger: silentLogger,
      signal: new AbortController().signal,
    });
  }

  async function indexes(collection = 'orders') {
    const list = await client.client.db(database).collection(collection).indexes();
    return new Map(list.filter(({ name }) => name !== '_id_').map((index) => [index.name, index]));
  }

  async function collections(): Promise<string[]> {
    const list = await client.client.db(database).listCollections({}, { nameOnly: true }).toArray();
    return list
      .map(({ name }) => name)
      .filter((name) => !name.startsWith('system.'))
      .sort();
  }

  const ids = async (collection: string): Promise<unknown[]> =>
    (await client.client.db(database).collection(collection).find().sort({ _id: 1 }).toArray()).map(
      ({ _id }) => _id,
    );

  describe('indexes', () => {
    const specs = [
      fromObject({ v: 2, key: { a: 1, b: -1 }, name: 'compound' }),
      fromObject({ v: 2, unique: true, key: { state: 1 }, name: 'unique' }),
      fromObject({ v: 2, key: { at: 1 }, name: 'ttl', expireAfterSeconds: 5n }),
      fromObject({ v: 2, key: { h: 1 }, name: 'hidden', hidden: true }),
      fromObject({ v: 2, key: { s: 1 }, name: 'sparse', sparse: true }),
      fromObject({
        v: 2,
        key: { state: 1 },
        name: 'partial',
        partialFilterExpression: { state: { $gt: 5 } },
      }),
      fromObject({ v: 2, key: { 'w.$**': 1 }, name: 'wildcard' }),
      fromObject({
        v: 2,
        key: { _fts: 'text', _ftsx: 1 },
        name: 'text',
        weights: { t: 3, u: 1 },
        default_language: 'german',
        language_override: 'lang',
        textIndexVersion: 3,
      }),
      fromObject({ v: 2, key: { p: '2d' }, name: 'flat', min: -10, max: 10, bits: 20 }),
      fromObject({ v: 2, key: { g: '2dsphere' }, name: 'sphere', '2dsphereIndexVersion': 3 }),
      fromObject({ v: 2, key: { x: 'hashed' }, name: 'hashed' }),
      fromObject({ v: 1, key: { old: 1 }, name: 'old' }),
      fromObject({ v: 2, unique: true, hidden: true, key: { two: 1 }, name: 'both', sparse: true }),
      fromObject({ v: 2, key: { p: 'geoHaystack', q: 1 }, name: 'haystack', bucketSize: 5 }),
    ];
    const documents = [1, 2, 3].map((n) =>
      fromObject({
        _id: n,
        state: n,
        at: new Date(0),
        two: n,
        g: { type: 'Point', coordinates: [1, 2] },
        p: [1, 2],
      }),
    );

    it('stand there in their held-back form, and come back at cutover, twice', async () => {
      await stream.snapshot([{ namespace: orders, indexes: [ID_INDEX, ...specs], documents }]);
      await stream.milestone('caught-up');
      const { indexes: report } = await run();
      expect(report.filter(({ verdict }) => verdict !== 'ok')).toEqual([
        {
          namespace: orders,
          name: 'haystack',
          verdict: 'skipped',
          note: expect.stringContaining('geoHaystack'),
        },
      ]);
      const heldBack = await indexes();
      expect(heldBack.size).toBe(specs.length - 1);
      expect(heldBack.get('unique')).not.toHaveProperty('unique');
      expect(heldBack.get('ttl')).toMatchObject({ expireAfterSeconds: 2147483647 });
      expect(heldBack.get('hidden')).not.toHaveProperty('hidden');
      expect(heldBack.get('text')).toMatchObject({ weights: { t: 3, u: 1 }, default_language: 'german' });
      expect(heldBack.get('flat')).toMatchObject({ min: -10, max: 10, bits: 20 });
      expect(heldBack.get('old')).toMatchObject({ v: 1 });

      const first = await restore('unique', 'hidden');
      expect(first.filter(({ outcome }) => outcome !== 'restored').map(({ index }) => index)).toEqual([
        'haystack',
      ]);
      expect((await indexes()).get('ttl')).toMatchObject({ expireAfterSeconds: 2147483647 });
      for (let round = 0; round < 2; round++) {
        await restore();
        const restored = await indexes();
        expect(restored.get('unique')).toMatchObject({ unique: true });
        expect(restored.get('both')).toMatchObject({ unique: true, hidden: true, sparse: true });
        expect(restored.get('hidden')).toMatchObject({ hidden: true });
        expect(restored.get('ttl')).toMatchObject({ expireAfterSeconds: 5 });
        expect(restored.get('compound')).not.toHaveProperty('unique');
      }
    });

    it('take both of two states that a unique index would refuse on the way, and report what stays', async () => {
      const unique = fromObject({ v: 2, unique: true, key: { state: 1 }, name: 'unique' });
      await stream.snapshot([
        { namespace: orders, indexes: [ID_INDEX, unique], documents: [fromObject({ _id: 1, state: 1 })] },
      ]);
      await stream.changes([put(orders, fromObject({ _id: 2, state: 1 }))]);
      await stream.milestone('caught-up');
      await run();
      expect(await restore()).toEqual([
        {
          namespace: orders,
          index: 'unique',
          outcome: 'refused',
          note: expect.stringContaining('more than one document'),
        },
      ]);
      expect((await indexes()).get('unique')).not.toHaveProperty('prepareUnique');
      await client.client.db(database).collection<{ _id: number }>('orders').deleteOne({ _id: 2 });
      expect(await restore()).toMatchObject([{ outcome: 'restored' }]);
      expect((await indexes()).get('unique')).toMatchObject({ unique: true });
    });

    it('are told apart by their uniqueness alone: the second waits for cutover', async () => {
      const plain = fromObject({ v: 2, key: { state: 1 }, name: 'plain' });
      const unique = fromObject({ v: 2, unique: true, key: { state: 1 }, name: 'unique' });
      await stream.snapshot([{ namespace: orders, indexes: [ID_INDEX, plain, unique], documents }]);
      await stream.milestone('caught-up');
      const { indexes: report } = await run();
      expect(report.map(({ verdict }) => verdict)).toEqual(['ok', 'deferred']);
      await restore();
      expect([...(await indexes()).keys()].sort()).toEqual(['plain', 'unique']);
      expect((await indexes()).get('unique')).toMatchObject({ unique: true });
    });

    it('say that they are simple in a collated collection', async () => {
      const collation = { locale: 'en', strength: 2 };
      const options = fromObject({ collation });
      const simple = fromObject({ v: 2, key: { state: 1 }, name: 'simple' });
      const text = fromObject({
        v: 2,
        key: { _fts: 'text', _ftsx: 1 },
        name: 'text',
        weights: { t: 1 },
        default_language: 'english',
        language_override: 'language',
        textIndexVersion: 3,
      });
      const collated = fromObject({ v: 2, key: { state: 1 }, name: 'collated', collation });
      await stream.snapshot([
        { namespace: orders, options, indexes: [simple, text, collated], documents: [] },
      ]);
      await stream.milestone('caught-up');
      const { indexes: report } = await run();
      expect(report.map(({ verdict }) => verdict)).toEqual(['ok', 'ok', 'ok']);
      const found = await indexes();
      expect(found.get('simple')).not.toHaveProperty('collation');
      expect(found.get('text')).not.toHaveProperty('collation');
      expect(found.get('collated')).toMatchObject({ collation });
    });

    it('follow the stream: created, dropped, modified, and what is wanted is restored', async () => {
      await stream.snapshot([{ namespace: orders, indexes: [ID_INDEX], documents }]);
      await run({ until: 'snapshot-applied' });
      const unique = { v: 2, unique: true, key: { state: 1 }, name: 'u' };
      const ttl = { v: 2, key: { at: 1 }, name: 't', expireAfterSeconds: 50 };
      const gone = { v: 2, key: { gone: 1 }, name: 'gone' };
      await stream.ddl([
        { operation: 'createIndexes', namespace: orders, description: { indexes: [unique, ttl, gone] } },
        { operation: 'dropIndexes', namespace: orders, description: { indexes: [gone] } },
        {
          operation: 'modify',
          namespace: orders,
          description: { index: { name: 't', expireAfterSeconds: 70 } },
        },
        { operation: 'modify', namespace: orders, description: { index: { name: 'u', hidden: true } } },
        {
          operation: 'createIndexes',
          namespace: orders,
          description: { indexes: [{ v: 2, key: { late: 1 }, name: 'late' }] },
        },
        {
          operation: 'modify',
          namespace: orders,
          description: { index: { name: 'late', prepareUnique: true } },
        },
        { operation: 'modify', namespace: orders, description: { index: { name: 'late', unique: true } } },
        { operation: 'rename', namespace: orders, to: `${database}.sold` },
      ]);
      await stream.milestone('caught-up');
      await run();
      const found = await indexes('sold');
      expect([...found.keys()].sort()).toEqual(['late', 't', 'u']);
      expect(found.get('t')).toMatchObject({ expireAfterSeconds: 2147483647 });
      for (const index of found.values()) {
        expect(index).not.toHaveProperty('unique');
        expect(index).not.toHaveProperty('hidden');
      }
      // `late` has no documents with a value each: two nulls would collide.
      await client.client
        .db(database)
        .collection<{ _id: number }>('sold')
        .deleteMany({ _id: { $gt: 1 } });
      await restore();
      const restored = await indexes('sold');
      expect(restored.get('u')).toMatchObject({ unique: true, hidden: true });
      expect(restored.get('t')).toMatchObject({ expireAfterSeconds: 70 });
      expect(restored.get('late')).toMatchObject({ unique: true });
    });

    it('wait or stay away as --indexes says', async () => {
      const plain = fromObject({ v: 2, key: { state: 1 }, name: 'plain' });
      const later: Plain = { v: 2, key: { later: 1 }, name: 'later', unique: true };
      await stream.snapshot([{ namespace: orders, indexes: [ID_INDEX, plain], documents }]);
      await stream.ddl([
        { operation: 'createIndexes', namespace: orders, description: { indexes: [later] } },
      ]);
      await stream.milestone('caught-up');
      const note = 'the load was given --indexes none';
      expect((await run({ indexes: 'none' })).indexes).toMatchObject([
        { name: 'plain', verdict: 'skipped', note },
        { name: 'later', verdict: 'skipped', note },
      ]);
      expect(await restore()).toMatchObject([
        { index: 'plain', outcome: 'skipped', note },
        { index: 'later', outcome: 'skipped', note },
      ]);
      expect((await indexes()).size).toBe(0);
      await stream.ddl([{ operation: 'dropIndexes', namespace: orders, description: { indexes: [later] } }]);
      await run({ indexes: 'last' });
      expect((await indexes()).size).toBe(0);
      await stream.milestone('drained');
      await run({ indexes: 'last', until: 'drained' });
      expect([...(await indexes()).keys()]).toEqual(['plain']);
    });
  });

  describe('collections', () => {
    it('come with their options, and views after what they stand on', async () => {
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

    it('follow the stream, also where names go round', async () => {
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

    it('repeat each event over its own effect', async () => {
      const [a, b] = [`${database}.a`, `${database}.b`];
      const idIndex = { v: 2, key: { _id: 1 }, name: '_id_' };
      await stream.snapshot([{ namespace: a, uuid: A, documents: [fromObject({ _id: 1 })] }]);
      await run({ until: 'snapshot-applied' });
      const steps = [
        () =>
          stream.ddl([
            { operation: 'create', namespace: `${database}.n`, uuid: B, description: { idIndex } },
          ]),
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
        await backToBefore(client);
        await run({ allowDrop: true });
        expect(await collections()).toEqual(once);
        seen.push(once);
      }
      expect(seen).toEqual([['a', 'n'], ['b', 'n'], ['b', 'n'], ['b', 'n'], ['b', 'n'], ['b'], []]);
    });

    it('take what the inventory found later than the events that the stream still tells', async () => {
      // Between T0 and the inventory: x was renamed to y, z was dropped and made anew with a collation.
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

    it('get no changes of another one that had their name before', async () => {
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

    it('do not begin with what was written to another one, which was gone before the inventory', async () => {
      await stream.snapshot([]);
      await stream.changes(ofCollection(B, [put(orders, fromObject({ _id: 'old' }))]));
      await stream.ddl([{ operation: 'create', namespace: orders, uuid: A, description: { idIndex: {} } }]);
      await stream.changes(ofCollection(A, [put(orders, fromObject({ _id: 'new' }))]));
      await stream.milestone('caught-up');
      await run({ allowDrop: true });
      expect(await ids('orders')).toEqual(['new']);
    });

    it('of a sharded source get what is written to them under an earlier or later uuid', async () => {
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

    it('go on with another of their name after a structure change that was left out', async () => {
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

    it('stop at, or leave out, structure changes as --ddl says', async () => {
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

    it('leave alone what is not theirs', async () => {
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
  async function backToBefore(of: TestClient): Promise<void> {
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
});
