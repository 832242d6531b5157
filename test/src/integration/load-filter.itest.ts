/** Loads that take only a part of their stream: what reaches the target, and who else keeps to it. */
import { setTimeout as sleep } from 'node:timers/promises';
import { fromObject, int32 } from '@waybill/shared/bson/build';
import { loadPrefix, segmentKey, streamPrefix } from '@waybill/shared/manifest/keys';
import { readManifest } from '@waybill/shared/manifest/log';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { AT_WORK, Migration, said } from '../e2e/migration.ts';
import { awaitUntil } from '../support/await-until.ts';
import { freshLoad } from '../support/fresh-load.ts';
import { type TestClient, testClient } from '../support/raw.ts';
import { describeWithServer, uniqueName } from '../support/servers.ts';
import { put, remove, StreamBuilder } from '../support/stream-builder.ts';

const ID_INDEX = fromObject({ v: 2, key: { _id: 1 }, name: '_id_' });
const BY_N = fromObject({ v: 2, key: { n: 1 }, name: 'n_1' });
const A = 'a'.repeat(32);
const B = 'b'.repeat(32);
const one = (id: number, n = 0): Buffer => fromObject({ _id: id, n });

await describeWithServer('a load with a filter', (servers) => {
  let client: TestClient;
  let shop: string;
  let crm: string;
  let stream: StreamBuilder;

  const run = freshLoad(
    () => servers.target.uri,
    'shop',
    async ({ bucket, ...fresh }) => {
      ({ client, database: shop } = fresh);
      crm = uniqueName('crm');
      stream = await StreamBuilder.create(bucket.url);
    },
  );
  afterEach(async () => {
    await client.client.db(crm).dropDatabase();
  });

  /** `collection: _id:n …` of both databases, sorted. */
  async function onTarget(): Promise<string[]> {
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
  }

  async function threeCollections(): Promise<void> {
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
  }

  it.each([
    ['a database', ['shop'], [], ['shop.born: 1:1', 'shop.orders: 1:5', 'shop.users: 1:5 9:9']],
    ['collections', ['shop.orders', 'crm.leads'], [], ['crm.leads: 1:5', 'shop.orders: 1:5']],
    ['patterns', ['*.*s'], ['crm'], ['shop.orders: 1:5', 'shop.users: 1:5 9:9']],
    ['exclusion', ['shop', 'crm.leads'], ['shop.users', '*.born'], ['crm.leads: 1:5', 'shop.orders: 1:5']],
    ['exclusion alone', [], ['shop.*'], ['crm.leads: 1:5']],
  ])(
    'takes by %s what it names, with its indexes, and nothing else',
    async (_, include, exclude, expected) => {
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
      const built = indexes.map(
        ({ namespace, name }) => `${namespace.replace(shop, 'shop').replace(crm, 'crm')} ${name}`,
      );
      expect(built.sort()).toEqual(wanted.sort());
      expect([...stats.collections.keys()].every((key) => namespaces.includes(short(key)))).toBe(true);
    },
  );

  const short = (namespace: string): string => namespace.replace(shop, 'shop').replace(crm, 'crm');

  it('does not even fetch segments of what it does not take', async () => {
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

  it('keeps its filter: goes on without being told, and refuses another before it fences the owner', async () => {
    await threeCollections();
    const orders = `${shop}.orders`;
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

  it('is refused to a load that takes everything', async () => {
    await threeCollections();
    await run();
    await expect(run({ include: [shop] })).rejects.toMatchObject({
      code: 'LOAD_OPTIONS_CHANGED',
      message: expect.stringContaining('was started with everything in the stream'),
    });
  });

  describe('when the source renames collections', () => {
    const moved = async (from: string, to: string, uuid: string | null = A) => {
      await stream.ddl([{ operation: 'rename', namespace: from, to, uuid }]);
    };
    let orders: string;
    let old: string;
    beforeEach(() => {
      orders = `${shop}.orders`;
      old = `${shop}.old`;
    });

    it('follows inside what it takes, and lets pass what is outside', async () => {
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
      // Changes outside are nothing to halt at, and drops there need no leave.
      await expect(run({ include: [shop], ddl: 'halt' })).rejects.toMatchObject({
        code: 'TARGET_DDL_HALTED',
        message: expect.stringContaining(orders),
      });
      await run({ include: [shop] });
      expect(await onTarget()).toEqual(['shop.old: 1:0 2:0']);
    });

    it('out of what it takes, that is a drop, for which it needs leave', async () => {
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

    it('into what it takes, it stops, says what to do, and applies nothing of it', async () => {
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

    it('goes on where the inventory had found the collection under its new name', async () => {
      await stream.snapshot([{ namespace: orders, uuid: B, documents: [one(1)] }]);
      await moved(`${shop}.drafts`, orders, B);
      await stream.changes([put(orders, one(2))]);
      await stream.milestone('caught-up');
      await run({ include: [orders] });
      expect(await onTarget()).toEqual(['shop.orders: 1:0 2:0']);
    });
  });
});

await describeWithServer('a part of a stream, migrated', (servers) => {
  it('is verified, shown and cut over by itself, while the rest goes on', async () => {
    const database = uniqueName('part');
    await using source = await testClient(servers.source.uri);
    await using target = await testClient(servers.target.uri);
    const [db, there] = [source.client.db(database), target.client.db(database)];
    for (const name of ['orders', 'users', 'logs']) {
      await db.collection(name).insertMany([1, 2, 3].map((n) => ({ _id: n as never, n })));
      await db.collection(name).createIndex({ n: 1 }, { unique: true });
    }
    // Somebody else's, in the place of what the load does not take.
    await there.collection('logs').insertOne({ theirs: true });
    await using migration = await Migration.create({ servers, databases: [database] });
    const capture = migration.start('capture');
    await migration.reached('caught-up', capture);
    const filter = ['--include', `${database}.*`, '--exclude', `${database}.logs`];
    const started = migration.start('load', ...filter);
    await said(started, AT_WORK);
    await awaitUntil('the load has caught up', async () =>
      (await migration.loadLog()).milestones.some(({ name }) => name === 'caught-up'),
    );
    started.kill('SIGKILL');
    await started.ended;
    const refused = await migration.run('load', ['--include', `${database}.orders`]);
    expect(refused.exitCode, refused.stderr).toBe(2);
    expect(refused.stderr).toMatch(/LOAD_OPTIONS_CHANGED/);

    const loading = migration.start('load');
    await said(loading, AT_WORK);
    let writing = true;
    const writer = (async () => {
      for (let n = 0; writing; n++) {
        await db.collection('logs').insertOne({ n: 1000 + n });
        await sleep(20);
      }
    })();
    try {
      await db.collection('orders').updateOne({ n: 2 }, { $set: { at: new Date(0) } });
      await migration.captured();
      const verified = await migration.run('verify', ['--json']);
      expect(verified.exitCode, verified.stdout).toBe(0);
      const { collections, structure } = JSON.parse(verified.stdout);
      expect(collections.map(({ namespace }: { namespace: string }) => namespace)).toEqual([
        `${database}.orders`,
        `${database}.users`,
      ]);
      expect(structure.filter(({ heldBack }: { heldBack: boolean }) => !heldBack)).toEqual([]);

      const status = JSON.parse(await migration.must('status', '--json'));
      expect(status.load).toMatchObject({
        include: [database],
        exclude: [`${database}.logs`],
        snapshotSegments: 2,
        snapshotSegmentsTotal: 2,
      });
      expect(await migration.must('status')).toContain(
        `takes --include ${database} --exclude ${database}.logs`,
      );

      // Writes to what the load does not take are no reason against its cutover.
      const done = await migration.run('cutover', ['--json']);
      expect(done.exitCode, done.stderr).toBe(0);
      expect(JSON.parse(done.stdout).restored.map(({ index }: { index: string }) => index)).toEqual([
        'n_1',
        'n_1',
      ]);
    } finally {
      writing = false;
      await writer;
    }
    expect(await there.collection('users').indexes()).toContainEqual(
      expect.objectContaining({ name: 'n_1', unique: true }),
    );
    expect(await there.collection('logs').countDocuments()).toBe(1);
    expect((await loading.ended).exitCode).toBe(0);
  });

  it('has the results of $out where the names that it uses are included', async () => {
    const database = uniqueName('part_out');
    await using source = await testClient(servers.source.uri);
    await using target = await testClient(servers.target.uri);
    const [db, there] = [source.client.db(database), target.client.db(database)];
    const orders = db.collection<{ _id: number }>('orders');
    await orders.insertMany([1, 2, 3].map((_id) => ({ _id })));
    await using migration = await Migration.create({
      servers,
      databases: [database],
      load: ['--allow-drop', '--include', `${database}.report,${database}.tmp.agg_out.*`],
    });
    const capture = migration.start('capture');
    await migration.reached('caught-up', capture);
    const loading = migration.start('load');
    for (const _id of [4, 5]) {
      await orders.insertOne({ _id });
      await orders.aggregate([{ $out: 'report' }]).toArray();
    }
    await awaitUntil('the second result is on the target', async () => {
      if (!loading.isRunning) throw new Error(`the load ended: ${(await loading.ended).stderr}`);
      return (await there.collection('report').countDocuments()) === 5;
    });
    const names = (await there.listCollections({}, { nameOnly: true }).toArray()).map(({ name }) => name);
    expect(names).toEqual(['report']);
    const verified = await migration.run('verify', ['--json']);
    expect(verified.exitCode, verified.stdout).toBe(0);
  });

  it('is cut over only when nobody writes to it any more', async () => {
    const database = uniqueName('part_written');
    await using source = await testClient(servers.source.uri);
    const db = source.client.db(database);
    await db.collection('orders').insertOne({ n: 1 });
    await db.collection('logs').insertOne({ n: 1 });
    await using migration = await Migration.create({
      servers,
      databases: [database],
      load: ['--include', `${database}.orders`],
    });
    const capture = migration.start('capture');
    await migration.reached('caught-up', capture);
    const loading = migration.start('load');
    await said(loading, AT_WORK);
    const cutover = migration.start('cutover');
    let writing = true;
    const writer = (async () => {
      while (writing) {
        await db.collection('orders').insertOne({ at: new Date() });
        await sleep(20);
      }
    })();
    const { exitCode, stderr } = await cutover.ended;
    writing = false;
    await writer;
    expect(exitCode, stderr).toBe(3);
    expect(stderr).toMatch(/written to after its writes had stopped|source and target differ/);
    expect((await migration.loadLog()).milestones.map(({ name }) => name)).not.toContain('cutover');
  });
});
