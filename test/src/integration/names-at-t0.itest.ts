/**
 * Forces structure changes between T0 and the inventory: the stream has its position before they
 * are made, and nothing is listed until they are done. So when the capture first lists, collections
 * that have changes in the stream are gone or have other names.
 */
import { definitionOf } from '@waybill/capture/catalog/definition';
import { listCatalog } from '@waybill/shared/mongo/facts/catalog';
import { NamespaceFilter } from '@waybill/shared/mongo/facts/namespace-filter';
import type { Db } from 'mongodb-4-0';
import { it } from 'vitest';
import {
  all,
  collation,
  insert,
  migrated,
  over,
  type Scenario,
  seed,
  write,
} from '../support/names-at-t0.ts';
import { describeWithServer, type ServerKind } from '../support/servers.ts';

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
const RENAMED_OVER: Scenario = {
  before: (db) => all(db, ['a', 'b'], seed),
  meanwhile: async (db) => {
    await all(db, ['a', 'b'], write);
    await over(db, 'a', 'b');
    await write(db, 'b');
  },
  after: (db) => write(db, 'b'),
};

const SCENARIOS: Readonly<Record<string, Scenario>> = {
  'a rename over one that was written to': RENAMED_OVER,
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
  'a rename from outside over one that was written to': { include: ['b', 'marks'], ...RENAMED_OVER },
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
 * From 6.0, an inventory that has a collection under the name that it got after T0. Before, one
 * that could not tell that the rename came after it: see namesAtT0.
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
    },
    { source: kind },
  );
}
