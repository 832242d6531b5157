/**
 * Two databases become one and another one is renamed, while an application writes, renames and
 * drops, and both sides are killed again and again. The expected names are written by hand.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { Random } from '@waybill/demo/shop/random';
import type { Db, Document } from 'mongodb-4-0';
import { expect, it } from 'vitest';
import { compareNamed } from '../support/compare.ts';
import { testClient } from '../support/raw.ts';
import { describeWithServer, type ServerKind, type TestServers, uniqueName } from '../support/servers.ts';
import { testSeed } from '../support/workload.ts';
import { type Kill, killAgainAndAgain } from './killer.ts';
import { AT_WORK, Migration } from './migration.ts';

interface Variant {
  readonly target: ServerKind;
  /** Of each side. */
  readonly kills: number;
  /** How the load ends. */
  readonly signal: 'SIGKILL' | 'SIGTERM';
}

const VARIANTS: readonly Variant[] = [
  { target: 'current', kills: 5, signal: 'SIGKILL' },
  // Before 4.4 a server does not show whose writes run: the next owner of a killed load waits a
  // minute.
  { target: 'oldest', kills: 2, signal: 'SIGTERM' },
];
const DOCUMENTS = 1500;

for (const variant of VARIANTS) {
  await describeWithServer(
    `a migration under a mapping, to the ${variant.target} server,`,
    (servers) => {
      it('is exact, whatever is renamed, dropped and killed', async () => {
        await migrate(variant, servers);
      }, 180_000);
    },
    { target: variant.target },
  );
}

await describeWithServer('a collision under a mapping', (servers) => {
  it('stops the load at the change that makes it, and nothing is written wrongly', async () => {
    const { source, shop, crm, one, ...rest } = await databasesOf(servers);
    await using _ = source;
    await fill(shop, 'orders', 10);
    await fill(crm, 'leads', 10);
    await using migration = await Migration.create({
      servers,
      databases: [rest.name],
      include: [shop.databaseName, crm.databaseName],
      load: ['--allow-drop'],
    });
    await migration.startSides('--map', `*.*=${one}.*`).then(async ([, load]) => {
      await shop.collection<Numbered>('orders').insertOne({ _id: 10, n: 0 });
      await crm.collection('leads').rename('orders');
      await crm.collection<Numbered>('orders').insertOne({ _id: 99, n: 0 });
      const { exitCode, stderr } = await load.ended;
      expect(exitCode, stderr).toBe(2);
      expect(stderr).toContain('LOAD_NAME_COLLISION');
      expect(stderr).toContain(
        `the source has ${crm.databaseName}.orders now, which would be ${one}.orders on the target, where ${shop.databaseName}.orders stands`,
      );
    });
    await using target = await testClient(servers.target.uri);
    const there = target.client.db(one);
    const ids = async (name: string): Promise<unknown[]> =>
      (await there.collection(name).find().sort({ _id: 1 }).toArray()).map(({ _id }) => _id);
    expect(await ids('orders')).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10]);
    expect(await ids('leads')).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8, 9]);
  });
});

type Numbered = Document & { _id: number };

async function databasesOf({ source }: TestServers) {
  const client = await testClient(source.uri);
  const db = (stem: string): Db => client.client.db(uniqueName(stem));
  return {
    source: client,
    shop: db('shop'),
    crm: db('crm'),
    news: db('news'),
    old: db('old'),
    one: uniqueName('one'),
    press: uniqueName('press'),
    name: uniqueName('mapped'),
  };
}

type Databases = Awaited<ReturnType<typeof databasesOf>>;

async function migrate({ kills: each, signal }: Variant, servers: TestServers): Promise<void> {
  const random = new Random(testSeed());
  const databases = await databasesOf(servers);
  const { source, shop, crm, news, old, one, press, name } = databases;
  await using _ = source;
  await createAll(databases);
  await using target = await testClient(servers.target.uri);
  // Somebody else's, in the database that the collections come to.
  await target.client.db(one).collection<Numbered>('theirs').insertOne({ _id: 1 });
  const [s, c, n] = [shop.databaseName, crm.databaseName, news.databaseName];
  const names = {
    [`${s}.orders`]: `${one}.${s}_orders`,
    [`${s}.clients`]: `${one}.${s}_clients`,
    [`${s}.cases`]: `${one}.${s}_cases`,
    [`${s}.detailed`]: `${one}.${s}_detailed`,
    [`${c}.orders`]: `${one}.${c}_orders`,
    [`${n}.items`]: `${press}.items`,
    [`${n}.latest`]: `${press}.latest`,
  };
  await using migration = await Migration.create({
    servers,
    databases: [name],
    include: [s, c, n, old.databaseName],
    capture: ['--chunk-size', '1MiB', '--segment-size', '1MiB', '--max-read-rate', '1MiB'],
    load: [
      '--allow-drop',
      '--batch-records',
      '50',
      '--map',
      `*.*=${one}.{db}_{coll}`,
      '--map',
      `${n}=${press}`,
    ],
    compare: () => compareNamed(servers.source.uri, servers.target.uri, names),
  });
  await using writing = write(databases, random.int(1e9));
  const killed = (who: 'capture' | 'load', moments: readonly RegExp[]): Promise<Kill[]> =>
    killAgainAndAgain({
      who,
      start: () => migration.start(who),
      random: new Random(random.int(1e9)),
      kills: each,
      enough: () => writing.isChanged(),
      begun: AT_WORK,
      maxLifeMs: 2500,
      moments,
      ...(who === 'load' && { signal }),
    });
  const capture = killed('capture', [/snapshot-completed/, /caught-up/]);
  const loadKills = [/structure change applied/, /snapshot applied/, /indexes built/];
  const load = migration.reached('snapshot-started').then(() => killed('load', loadKills));
  const kills = (await Promise.all([capture, load])).flat();
  await writing.stop();
  // What is read from the table of names above is all that is there.
  expect(await target.client.db(one).dropCollection('theirs')).toBe(true);
  const found = await migration.finish();
  const { totals } = await migration.stream();
  console.log(
    `${kills.length} kills, ${totals.changeRecords} changes, ${totals.ddlEvents} structure changes`,
  );
  expect(found).toEqual([]);
  expect(totals.ddlEvents).toBeGreaterThan(8);
  const verified = JSON.parse(await migration.must('verify', '--json'));
  const pairs = verified.collections.map((pair: { source: string; namespace: string }) => [
    pair.source,
    pair.namespace,
  ]);
  const views = [`${s}.detailed`, `${n}.latest`];
  expect(Object.fromEntries(pairs)).toEqual(
    Object.fromEntries(Object.entries(names).filter(([from]) => !views.includes(from))),
  );
  const status = await migration.must('status');
  expect(status).toContain(`names --map *.*=${one}.{db}_{coll} --map ${n}.*=${press}.*`);
  const [view] = await target.client
    .db(one)
    .listCollections({ name: `${s}_detailed` })
    .toArray();
  expect(view).toMatchObject({
    options: { viewOn: `${s}_orders`, pipeline: [{ $lookup: { from: `${s}_clients` } }] },
  });
}

async function createAll({ shop, crm, news, old }: Databases): Promise<void> {
  for (const [db, name] of [
    [shop, 'orders'],
    [shop, 'customers'],
    [crm, 'orders'],
    [crm, 'leads'],
    [news, 'items'],
    [old, 'orders'],
    [old, 'users'],
  ] as const) {
    await fill(db, name, DOCUMENTS);
    await db.collection(name).createIndex({ n: 1 });
  }
  await news.collection('items').createIndex({ key: 1 }, { unique: true });
  await shop.createCollection('detailed', { viewOn: 'orders', pipeline: withClients('customers') });
  await news.createCollection('latest', { viewOn: 'items', pipeline: [{ $match: { n: { $gt: 5 } } }] });
}

const withClients = (from: string): Document[] => [
  { $lookup: { from, localField: '_id', foreignField: '_id', as: 'client' } },
];

async function fill(db: Db, name: string, documents: number): Promise<void> {
  const pad = 'p'.repeat(600);
  const all = Array.from({ length: documents }, (_, _id) => ({ _id, n: _id % 10, key: `${_id}`, pad }));
  await db.collection<Numbered>(name).insertMany(all);
}

interface Writing extends AsyncDisposable {
  /** All changes of structure are made. */
  isChanged(): boolean;
  stop(): Promise<void>;
}

/** One after the other, so that no write makes a renamed collection again. */
function write({ source, shop, crm, news, old }: Databases, seed: number): Writing {
  const random = new Random(seed);
  const written: [Db, string][] = [
    [shop, 'orders'],
    [crm, 'orders'],
    [news, 'items'],
    [shop, 'customers'],
    [old, 'orders'],
  ];
  const renameTo = (from: string, db: Db, name: string): void => {
    const at = written.findIndex(([each, other]) => `${each.databaseName}.${other}` === from);
    written[at] = [db, name];
  };
  const changes: (() => Promise<unknown>)[] = [
    async () => {
      await shop.collection('customers').rename('clients');
      renameTo(`${shop.databaseName}.customers`, shop, 'clients');
    },
    () => shop.command({ collMod: 'detailed', viewOn: 'orders', pipeline: withClients('clients') }),
    () => crm.collection('leads').drop(),
    async () => {
      await fill(crm, 'tickets', 100);
      await crm.collection('tickets').createIndex({ n: 1 });
      written.push([crm, 'tickets']);
    },
    async () => {
      // Another collection under the name of one that was dropped.
      await crm.collection('tickets').rename('leads');
      renameTo(`${crm.databaseName}.tickets`, crm, 'leads');
    },
    async () => {
      const [from, to] = [`${crm.databaseName}.leads`, `${shop.databaseName}.cases`];
      await source.command('admin', { renameCollection: from, to });
      renameTo(from, shop, 'cases');
    },
    async () => {
      written.splice(
        written.findIndex(([db]) => db === old),
        1,
      );
      await old.dropDatabase();
    },
  ];
  let isStopped = false;
  const run = async (): Promise<void> => {
    for (let round = 1; !isStopped; round++) {
      const [db, name] = random.pick(written);
      const collection = db.collection<Numbered>(name);
      const _id = random.int(2 * DOCUMENTS);
      if (random.chance(0.2)) await collection.deleteOne({ _id });
      else await collection.updateOne({ _id }, { $inc: { n: 1 }, $set: { key: `${_id}` } }, { upsert: true });
      if (round % 150 === 0) await changes.shift()?.();
      await sleep(3);
    }
  };
  const running = run();
  running.catch(() => undefined);
  const stop = async (): Promise<void> => {
    isStopped = true;
    await running;
  };
  return {
    isChanged: () => changes.length === 0,
    stop,
    [Symbol.asyncDispose]: async () => void (await stop().catch(() => undefined)),
  };
}
