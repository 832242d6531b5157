/** What the target refuses of the source's structure: it stops nothing, and nobody passes over it by accident. */
import { type Db, Long } from 'mongodb-4-0';
import { expect, it } from 'vitest';
import { Migration } from '../e2e/migration.ts';
import { awaitUntil } from '../support/await-until.ts';
import { testClient } from '../support/raw.ts';
import { load } from '../support/run-load.ts';
import { describeWithServer, uniqueName } from '../support/servers.ts';

/** PCRE2 does not take it, and so no server from 6.1 on. */
const OLD_REGEX = { a: { $not: { $regex: '[b-\\d]' } } };
const OLD_GEO_NEAR = {
  $geoNear: { near: { type: 'Point', coordinates: [0, 0] }, distanceField: 'd', spherical: true, limit: 5 },
};
const THREE = [1, 2, 3].map((a) => ({ a }));

/** What stands there, each with the names of its options. */
async function standing(db: Db): Promise<string[]> {
  const list = await db.listCollections().toArray();
  return list
    .filter(({ name }) => !name.startsWith('system.'))
    .map((each) => [each.name, ...Object.keys('options' in each ? (each.options ?? {}) : {})].join(' '))
    .sort();
}

await describeWithServer(
  'structure of an old source that a new target refuses',
  (servers) => {
    it('does not hold up the load, is told with its reason, and is tried again when the source changes it', async () => {
      const database = uniqueName('refused');
      await using source = await testClient(servers.source.uri);
      await using target = await testClient(servers.target.uri);
      const db = source.client.db(database);
      await db.createCollection('nearby', { viewOn: 'places', pipeline: [OLD_GEO_NEAR] });
      await db.createCollection('gone', { viewOn: 'places', pipeline: [OLD_GEO_NEAR] });
      await db.createCollection('ruled', {
        validator: OLD_REGEX,
        validationAction: 'warn',
        collation: { locale: 'fr' },
      });
      await db.collection('ruled').insertMany(THREE);
      await using migration = await Migration.create({ servers, databases: [database] });
      const told = await migration.must('run', '--until', 'caught-up');
      expect(told).toMatch(/view \S+\.nearby: blocked, .*\$geoNear no longer supports the 'limit' parameter/);
      expect(told).toMatch(/option \S+\.ruled validator: blocked, .*Regular expression is invalid/);
      expect(await standing(target.client.db(database))).toEqual(['ruled collation']);
      expect(await target.client.db(database).collection('ruled').countDocuments()).toBe(3);

      await db.command({ collMod: 'ruled', validator: { a: { $type: 'int' } }, validationAction: 'error' });
      await db.command({ collMod: 'nearby', viewOn: 'ruled', pipeline: [] });
      await db.collection('gone').drop();
      await db.createCollection('late', { viewOn: 'places', pipeline: [OLD_GEO_NEAR] });
      const again = await migration.must('run', '--until', 'caught-up');
      expect(again).toMatch(/view \S+\.late: blocked/);
      expect(again.match(/blocked/g)).toHaveLength(1);
      await db.collection('late').drop();
      await migration.must('run', '--until', 'caught-up');
      expect(await migration.differences()).toEqual([]);
    });
  },
  { source: 'oldest' },
);

await describeWithServer(
  'structure of a new source that an old target refuses',
  (servers) => {
    it('does not hold up the load: collections come without their options, with all documents', async () => {
      const database = uniqueName('refused');
      await using source = await testClient(servers.source.uri);
      await using target = await testClient(servers.target.uri);
      const db = source.client.db(database);
      await db.createCollection('imaged', {
        changeStreamPreAndPostImages: { enabled: true },
        validator: { $expr: { $isNumber: '$a' } },
        collation: { locale: 'fr' },
      });
      await db.createCollection('clustered', {
        clusteredIndex: { key: { _id: 1 }, unique: true, name: 'key' },
        expireAfterSeconds: 100_000,
      });
      await db.createCollection('capped', { capped: true, size: 100_000 });
      for (const name of ['imaged', 'clustered', 'capped']) await db.collection(name).insertMany(THREE);
      await db.collection('clustered').createIndex({ '$**': 1 }, { name: 'all' });
      await using migration = await Migration.create({ servers, databases: [database] });
      await using run = migration.start('run');
      const there = target.client.db(database);
      await awaitUntil('the snapshot is there', async () => {
        expect(run.isRunning, run.stderr).toBe(true);
        return (await there.collection('clustered').countDocuments()) === 3;
      });
      // What comes by the stream is refused in the same way.
      await db.command({ collMod: 'capped', cappedSize: 200_000 });
      await db.createCollection('new_images', { changeStreamPreAndPostImages: { enabled: true } });
      await db.collection('new_images').insertOne({ _id: Long.fromNumber(7) as never });
      await awaitUntil('the last document is there', () => there.collection('new_images').findOne({}));
      run.kill('SIGTERM');
      const { stdout } = await run.ended;
      expect(
        stdout
          .split('\n')
          .filter((line) => line.includes('blocked'))
          .map((line) => line.replace(`${database}.`, '').replace(/: blocked, .+/, ''))
          .sort(),
      ).toEqual([
        'index clustered all',
        'option capped size',
        'option clustered clusteredIndex',
        'option clustered expireAfterSeconds',
        'option imaged changeStreamPreAndPostImages',
        'option imaged validator',
        'option new_images changeStreamPreAndPostImages',
      ]);
      expect(await standing(there)).toEqual([
        'capped capped size',
        'clustered',
        'imaged collation',
        'new_images',
      ]);
      const differences = await migration.differences();
      expect(differences.filter((line) => !line.includes(': structure '))).toEqual([]);
    });

    it('is a reason to stop, before a document is written, where documents would have no place', async () => {
      const database = uniqueName('refused');
      const long = 'long'.repeat(30);
      await using source = await testClient(servers.source.uri);
      await using target = await testClient(servers.target.uri);
      for (const name of ['first', long]) await source.client.db(database).collection(name).insertMany(THREE);
      await using migration = await Migration.create({ servers, databases: [database] });
      await migration.must('capture', '--until', 'caught-up');
      const refused = await migration.run('load', ['--until', 'caught-up']);
      expect(refused.exitCode).toBe(1);
      expect(refused.stderr).toContain('TARGET_UNSUPPORTED');
      expect(refused.stderr).toContain(`--exclude ${database}.${long}`);
      expect(await target.client.db(database).collection('first').countDocuments()).toBe(0);
      // As the hint says.
      const exclude = [`${database}.${long}`];
      await load({
        bucketUrl: migration.folder,
        targetUri: servers.target.uri,
        load: 'other',
        exclude,
        until: 'caught-up',
      });
      expect(await target.client.db(database).collection('first').countDocuments()).toBe(3);
    });
  },
  { target: 'oldest' },
);
