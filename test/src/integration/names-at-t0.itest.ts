/**
 * Structure changes between T0 and the inventory, forced: the stream has its position before they are made, and nothing is listed until
 * they are done. So collections that have changes in the stream are gone, or stand under other names, when the capture first looks.
 */
import { definitionOf } from '@waybill/capture/catalog/definition';
import type { Bucket } from '@waybill/shared/bucket/bucket';
import { openBucket } from '@waybill/shared/bucket/open-bucket';
import type { CollectionDefinition } from '@waybill/shared/manifest/commit';
import { createStream } from '@waybill/shared/manifest/identity';
import { readManifest } from '@waybill/shared/manifest/log';
import { ManifestWriter } from '@waybill/shared/manifest/writer';
import { listCatalog } from '@waybill/shared/mongo/catalog';
import type { MongoConnection } from '@waybill/shared/mongo/connection';
import { NamespaceFilter } from '@waybill/shared/mongo/namespace-filter';
import { currentOperationTime } from '@waybill/shared/mongo/operation-time';
import { sourceIdentity } from '@waybill/shared/mongo/source-identity';
import { formatClusterTime } from '@waybill/shared/position';
import type { Db } from 'mongodb-4-0';
import { expect, it } from 'vitest';
import { Random } from 'waybill/demo/random';
import { temporaryBucket } from '../support/bucket.ts';
import { connectSource, startCapture } from '../support/capturing.ts';
import { compareDeployments } from '../support/compare.ts';
import { testClient } from '../support/raw.ts';
import { load } from '../support/run-load.ts';
import {
  describeWithServer,
  type ServerKind,
  startServer,
  type TestServers,
  uniqueName,
} from '../support/servers.ts';
import { testSeed } from '../support/workload.ts';

interface Scenario {
  /** Before 6.0 a view that is created is not seen. */
  readonly since60?: boolean;
  /** Relative to the database; none: the whole of it. */
  readonly include?: readonly string[] | undefined;
  readonly before: (db: Db) => Promise<void>;
  readonly meanwhile: (db: Db) => Promise<void>;
  /** In the place of what the capture would find. */
  readonly inventory?: (db: Db, source: MongoConnection) => Promise<CollectionDefinition[]>;
  readonly after?: (db: Db) => Promise<void>;
}

const seed = async (db: Db, name: string): Promise<void> => {
  await db.collection<Doc>(name).insertMany([
    { _id: 1, of: name },
    { _id: 2, of: name },
  ]);
};
const write = async (db: Db, name: string): Promise<void> => {
  const collection = db.collection<Doc>(name);
  await collection.updateOne({ _id: 1 }, { $inc: { n: 1 } }, { upsert: true });
  await collection.deleteOne({ _id: 2 });
  await collection.insertOne({ _id: `${name} ${writes++}`, of: name });
};
const insert = async (db: Db, name: string): Promise<void> => {
  await db.collection<Doc>(name).insertOne({ _id: `${name} ${writes++}`, of: name });
};
let writes = 0;

interface Doc {
  readonly _id: number | string;
  readonly of?: string;
  readonly n?: number;
}

const all = async (db: Db, names: readonly string[], each: typeof seed): Promise<void> => {
  for (const name of names) await each(db, name);
};
const over = (db: Db, from: string, to: string) => db.collection(from).rename(to, { dropTarget: true });
/** Under the same names other collections, with other uuids. */
const replaceAll = async (db: Db): Promise<void> => {
  await db.command({ convertToCapped: 'a', size: 100_000 });
  await insert(db, 'a');
  await db
    .collection('b')
    .aggregate([{ $out: 'c' }])
    .toArray();
  await insert(db, 'c');
};
const collation = { locale: 'en', strength: 2 };

const SCENARIOS: Readonly<Record<string, Scenario>> = {
  'a rename over one that was written to': {
    before: (db) => all(db, ['a', 'b'], seed),
    meanwhile: async (db) => {
      await all(db, ['a', 'b'], write);
      await over(db, 'a', 'b');
      await write(db, 'b');
    },
    after: (db) => write(db, 'b'),
  },
  'a drop, and another of the same name': {
    before: (db) => all(db, ['a'], seed),
    meanwhile: async (db) => {
      await write(db, 'a');
      await db.collection('a').drop();
      await db.createCollection('a', { collation });
      await db.collection('a').createIndex({ of: 1 });
      await write(db, 'a');
    },
    after: (db) => write(db, 'a'),
  },
  'a rename away, and another of the old name': {
    before: async (db) => {
      await db.createCollection('a', { collation });
      await seed(db, 'a');
      await db.collection('a').createIndex({ n: 1 });
    },
    meanwhile: async (db) => {
      await write(db, 'a');
      await db.collection('a').rename('c');
      await all(db, ['a', 'c'], write);
    },
    after: (db) => all(db, ['a', 'c'], write),
  },
  'renames that follow each other': {
    before: (db) => all(db, ['a', 'b', 'c'], seed),
    meanwhile: async (db) => {
      await all(db, ['a', 'b', 'c'], write);
      await over(db, 'b', 'c');
      await over(db, 'a', 'b');
      await write(db, 'b');
      await over(db, 'b', 'c');
      await all(db, ['b', 'c'], write);
    },
    after: (db) => all(db, ['a', 'b', 'c'], write),
  },
  'two that changed names': {
    before: (db) => all(db, ['a', 'b'], seed),
    meanwhile: async (db) => {
      await all(db, ['a', 'b'], write);
      await db.collection('a').rename('t');
      await write(db, 't');
      await db.collection('b').rename('a');
      await db.collection('t').rename('b');
      await all(db, ['a', 'b'], write);
    },
    after: (db) => all(db, ['a', 'b'], write),
  },
  'a rename from outside over one that was written to': {
    include: ['b', 'marks'],
    before: (db) => all(db, ['a', 'b'], seed),
    meanwhile: async (db) => {
      await all(db, ['a', 'b'], write);
      await over(db, 'a', 'b');
      await write(db, 'b');
    },
    after: (db) => write(db, 'b'),
  },
  'results of an aggregation in the place of one that was written to': {
    include: ['b', 'marks'],
    before: (db) => all(db, ['a', 'b'], seed),
    meanwhile: async (db) => {
      await write(db, 'b');
      await db
        .collection('a')
        .aggregate([{ $match: { _id: 1 } }, { $out: 'b' }])
        .toArray();
    },
    after: (db) => write(db, 'b'),
  },
  'a rename to outside, and another of the old name': {
    include: ['a', 'marks'],
    before: (db) => all(db, ['a'], seed),
    meanwhile: async (db) => {
      await write(db, 'a');
      await db.collection('a').rename('out');
      await write(db, 'a');
    },
    after: (db) => write(db, 'a'),
  },
  'other ways to another collection of the same name': {
    before: (db) => all(db, ['a', 'b', 'c'], seed),
    meanwhile: async (db) => {
      await all(db, ['a', 'b', 'c'], write);
      await replaceAll(db);
    },
    after: async (db) => {
      await all(db, ['a', 'c'], insert);
      await replaceAll(db);
      await all(db, ['a', 'c'], insert);
    },
  },
  'a view in the place of a collection': {
    since60: true,
    before: (db) => all(db, ['a', 'b'], seed),
    meanwhile: async (db) => {
      await all(db, ['a', 'b'], write);
      await db.collection('a').drop();
      await db.createCollection('a', { viewOn: 'b', pipeline: [] });
    },
  },
  'a collection in the place of a view': {
    before: async (db) => {
      await seed(db, 'b');
      await db.createCollection('a', { viewOn: 'b', pipeline: [] });
    },
    meanwhile: async (db) => {
      await db.collection('a').drop();
      await all(db, ['a', 'b'], write);
    },
    after: (db) => write(db, 'a'),
  },
};

/**
 * From 6.0, an inventory that has a collection under the name that it got after T0. Before, one that could not tell that the rename came
 * after it: see namesAtT0.
 */
const misnamed = (kind: ServerKind): Scenario => ({
  before: (db) => all(db, ['a', 'b'], seed),
  meanwhile: async (db) => {
    await all(db, ['a', 'b'], write);
    if (kind === 'current') await over(db, 'a', 'b');
  },
  inventory: async (db, source) => {
    const namespace = (name: string) => `${db.databaseName}.${name}`;
    const listed = await listCatalog(source, new NamespaceFilter({ include: [namespace('b')] }));
    if (kind === 'oldest') await over(db, 'a', 'b');
    return listed.map((entry) => definitionOf(entry, namespace(kind === 'current' ? 'b' : 'a'), true));
  },
  after: (db) => write(db, 'b'),
});

const KINDS: readonly ServerKind[] = ['current', 'oldest'];
for (const kind of KINDS) {
  await describeWithServer(
    `what a ${kind} server had at T0, listed later`,
    (servers) => {
      const scenarios = Object.entries(SCENARIOS).filter(([, { since60 }]) => !since60 || kind === 'current');
      it.each(scenarios)('%s', async (_name, scenario) => {
        await migrated(servers, scenario, kind);
      });

      it('under a wrong name, where it was renamed over another', async () => {
        await migrated(servers, misnamed(kind), kind);
      });

      it('whatever was done meanwhile', async () => {
        const random = new Random(testSeed());
        for (let round = 0; round < ROUNDS; round++) {
          const steps: string[] = [];
          const program = (length: number) => (db: Db) => anything(db, random, steps, length);
          // Half of them with names on the outside.
          const scenario = {
            include: round % 2 === 0 ? undefined : ['a', 'b'],
            before: (db: Db) => all(db, ['a', 'b', 'c'], seed),
            meanwhile: program(12),
            after: program(4),
          };
          await migrated(servers, scenario, kind).catch((error: unknown) => {
            throw new Error(`after ${steps.join(', ')}`, { cause: error });
          });
        }
      });
    },
    { source: kind },
  );
}

await describeWithServer('a listing', () => {
  it('tells what it names, whatever is renamed meanwhile', async () => {
    // Between the names and the indexes.
    await using server = await startServer({
      replSet: 'held',
      args: ['--setParameter', 'enableTestCommands=1'],
    });
    await using client = await testClient(server.uri);
    await using source = await connectSource(server.uri);
    const db = client.client.db('shop');
    for (const name of ['away', 'gone', 'one', 'other', 'over', 'stays']) {
      await db.collection(name).createIndex({ [name]: 1 });
    }
    const before = await listCatalog(source, new NamespaceFilter());
    const configure = (mode: unknown, data: unknown) =>
      client.command('admin', { configureFailPoint: 'failCommand', mode, data });
    const data = { failCommands: ['listIndexes'], blockConnection: true, blockTimeMS: 2000 };
    await configure({ times: before.length }, data);
    const listing = listCatalog(source, new NamespaceFilter());
    await client.command('admin', { waitForFailPoint: 'failCommand', timesEntered: 1, maxTimeMS: 20_000 });
    await db.collection('away').rename('elsewhere');
    await db.collection('away').createIndex({ newcomer: 1 });
    await db.collection('gone').drop();
    await db.collection('one').rename('t');
    await db.collection('other').rename('one');
    await db.collection('t').rename('other');
    await over(db, 'over', 'stays');

    const uuids = new Map(before.map(({ namespace, uuid }) => [uuid?.toString('hex'), namespace]));
    const listed = (await listing).map(({ namespace, uuid, indexes }) => [
      uuids.get(uuid?.toString('hex')),
      namespace,
      indexes.filter((index) => !index.includes('_id_')).map((index) => /(\w+)_1/.exec(String(index))?.[1]),
    ]);
    expect(listed).toEqual([
      [undefined, 'shop.away', ['newcomer']],
      ['shop.away', 'shop.elsewhere', ['away']],
      ['shop.other', 'shop.one', ['other']],
      ['shop.one', 'shop.other', ['one']],
      ['shop.over', 'shop.stays', ['over']],
    ]);
  });
});

const ROUNDS = 10;
const NAMES = ['a', 'b', 'c', 'd'];

/** Structure changes of a few names, at random, with writes in between. */
async function anything(db: Db, random: Random, steps: string[], length: number): Promise<void> {
  for (let step = 0; step < length; step++) {
    const names = await db.listCollections({}, { nameOnly: true }).toArray();
    const standing = NAMES.filter((name) => names.some((one) => one.name === name));
    const from = random.pick(NAMES);
    const to = random.pick(NAMES.filter((name) => name !== from));
    const what = random.int(5);
    if (what === 0 && standing.includes(from)) {
      steps.push(`drop ${from}`);
      await db.collection(from).drop();
    } else if (what < 3 && standing.includes(from)) {
      steps.push(`${from} to ${to}`);
      await over(db, from, to);
    } else if (what === 3 && !standing.includes(from)) {
      steps.push(`create ${from}`);
      await db.createCollection(from, { collation });
      // Before 6.0 it is not seen until then.
      await write(db, from);
    } else {
      steps.push(`write ${from}`);
      await write(db, from);
    }
  }
}

/** Captures and loads what the scenario does, and expects the source's documents and structure on the target. */
async function migrated(
  { source: { uri: sourceUri }, target: { uri: targetUri } }: TestServers,
  scenario: Scenario,
  kind: ServerKind,
): Promise<void> {
  const database = uniqueName('t0');
  await using client = await testClient(sourceUri);
  await using target = await testClient(targetUri);
  await using source = await connectSource(sourceUri);
  await using folder = await temporaryBucket();
  const bucket = await openBucket(folder.url);
  const include = scenario.include?.map((name) => `${database}.${name}`) ?? [database];
  const db = client.client.db(database);
  try {
    await scenario.before(db);
    await streamFromNow(bucket, source, include);
    await scenario.meanwhile(db);
    if (scenario.inventory) await beginWith(bucket, await scenario.inventory(db, source));
    await startCapture(source, bucket, { include, until: 'caught-up' }).ended;
    await scenario.after?.(db);
    await startCapture(source, bucket, { include, until: 'caught-up' }).ended;
    // What is not captured is not compared.
    for (const { name } of await db.listCollections({}, { nameOnly: true }).toArray()) {
      const isOut = scenario.include && !scenario.include.includes(name);
      if (isOut && !name.startsWith('system.')) await db.collection(name).drop();
    }
    await target.client.db('waybill').dropDatabase();
    await load({ bucketUrl: folder.url, targetUri, until: 'caught-up', allowDrop: true });
    // Before 6.0 changes of structure are not all seen, and other versions write the same thing in other ways.
    const structure = kind === 'current';
    expect(await compareDeployments(sourceUri, targetUri, { databases: [database], structure })).toEqual([]);
  } finally {
    await db.dropDatabase();
    await target.client.db(database).dropDatabase();
  }
}

/** As a capture leaves it that was killed when it had opened the change stream, before it listed anything. */
async function streamFromNow(
  bucket: Bucket,
  source: MongoConnection,
  include: readonly string[],
): Promise<void> {
  const { id, topology } = await sourceIdentity(source);
  const settings = { lanes: 16, format: 'avro', codec: 'zstandard', images: 'lookup' } as const;
  const fixed = { stream: 'default', source: id, sourceTopology: topology, exclude: [], ...settings };
  await createStream(bucket, 'default', { ...fixed, include: [...include] });
  const t0 = formatClusterTime(await currentOperationTime(source));
  const position = { clusterTime: t0, resumeToken: null, options: 'none' };
  const writer = await ManifestWriter.acquire({
    bucket,
    prefix: 'default',
    writer: 'test',
    body: { position },
  });
  await writer.close();
}

async function beginWith(bucket: Bucket, collections: CollectionDefinition[]): Promise<void> {
  const { position } = await readManifest(bucket, 'default');
  if (!position) throw new Error('the stream has no position');
  const at = { at: new Date().toISOString(), clusterTime: position.clusterTime, sequence: 0 };
  const body = { collections, milestones: [{ name: 'snapshot-started' as const, ...at }] };
  const writer = await ManifestWriter.acquire({ bucket, prefix: 'default', writer: 'test', body });
  await writer.close();
}
