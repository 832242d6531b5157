/**
 * What the target refuses of the source's structure: it stops nothing, and nobody passes over it by
 * accident.
 */
import { join } from 'node:path';
import { milestoneOf } from '@waybill/shared/manifest/state';
import { type Db, Long } from 'mongodb-4-0';
import { expect, it } from 'vitest';
import { AT_WORK, Migration, said } from '../e2e/migration.ts';
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

    it('is listed by status and verify, and lets the cutover pass only where it is accepted by name', async () => {
      const database = uniqueName('accepted');
      await using source = await testClient(servers.source.uri);
      await using target = await testClient(servers.target.uri);
      const db = source.client.db(database);
      await db.createCollection('nearby', { viewOn: 'ruled', pipeline: [OLD_GEO_NEAR] });
      await db.createCollection('ruled', { validator: OLD_REGEX });
      await db.collection('ruled').insertMany(THREE);
      await db.collection('ruled').createIndex({ at: 1 }, { name: 'past', expireAfterSeconds: -5 });
      await using migration = await Migration.create({ servers, databases: [database] });
      const run = migration.start('run');
      await migration.reached('caught-up', run);
      const there = target.client.db(database);
      await awaitUntil('the documents are there', () => there.collection('ruled').findOne({ a: 3 }));

      expect(await migration.must('status')).toMatch(
        /blocked view \S+\.nearby: .*\n.*blocked option validator of \S+\.ruled: /,
      );
      const verified = await migration.run('verify');
      expect(verified.exitCode).toBe(3);
      expect(verified.stdout).toMatch(
        /nearby: collection-missing view \(blocked: .*--accept blocked:\S+\.nearby\)/,
      );
      expect(verified.stdout).toMatch(
        /ruled: options validator \(blocked: .*--accept blocked:\S+\.ruled.validator\)/,
      );

      const name = (part: string): string => `blocked:${database}.${part}`;
      const cutover = (...accept: string[]) =>
        migration.run(
          'cutover',
          accept.flatMap((each) => ['--accept', each]),
        );
      const refused = await cutover();
      expect(refused.exitCode).toBe(3);
      expect(refused.stderr).toContain(`--accept ${name('nearby')},${name('ruled.validator')}`);
      const misspelt = await cutover(name('nearbi'));
      expect(misspelt.exitCode).toBe(2);
      expect(misspelt.stderr).toContain(`There is: ${name('nearby')}, ${name('ruled.validator')}.`);
      // An index that the target refuses only in its final form.
      const late = await cutover('blocked:view', name('ruled.validator'));
      expect(late.exitCode).toBe(3);
      expect(late.stderr).toContain(`--accept ${name('ruled.past')}`);
      const done = await cutover(`blocked:view,${name('ruled')}`, name('ruled.past'));
      expect(done.exitCode, done.stderr).toBe(0);
      expect(done.stdout).toContain('Same but for what was accepted (3)');
      const evidence = milestoneOf(await migration.loadLog(), 'verified')?.evidence;
      expect(JSON.parse(String(evidence?.accepted)).sort()).toEqual(
        [name('nearby'), name('ruled.past'), name('ruled.validator')].sort(),
      );
    });

    it('stands beside what only the target has, which is reported and accepted by name too', async () => {
      const database = uniqueName('extra');
      await using source = await testClient(servers.source.uri);
      await using target = await testClient(servers.target.uri);
      const db = source.client.db(database);
      await db.collection('orders').insertMany(THREE);
      await db.collection('orders').createIndex({ a: 1 }, { name: 'ours' });
      await using migration = await Migration.create({ servers, databases: [database] });
      await migration.must('run', '--until', 'caught-up');
      const there = target.client.db(database);
      const orders = there.collection('orders');
      await orders.createIndex({ _id: 'hashed' }, { name: '_id_hashed' });
      await orders.dropIndex('ours');
      await orders.createIndex({ a: 1 }, { name: 'theirs' });
      await there.collection('notes').insertMany(THREE);
      const verified = await migration.run('verify');
      expect(verified.exitCode).toBe(3);
      expect(verified.stdout).toMatch(/orders: index-renamed ours: stands there as theirs \(--accept extra:/);
      const run = migration.start('run');
      await said(run, AT_WORK);
      const refused = await migration.run('cutover');
      expect(refused.exitCode).toBe(3);
      const names = ['notes', 'orders._id_hashed', 'orders.theirs'].map(
        (each) => `extra:${database}.${each}`,
      );
      for (const name of names) expect(refused.stderr).toContain(name);
      expect(refused.stderr).not.toMatch(/\bdrop\b/i);
      // A report that cannot be written is told at the start where that can be known, and
      // changes nothing at the end.
      const nowhere = await migration.run('cutover', ['--report', join(migration.folder, 'nope', 'x.json')]);
      expect(nowhere.exitCode).toBe(2);
      expect(nowhere.stderr).not.toContain('writes-stopped');
      const done = await migration.run('cutover', ['--accept', names.join(), '--report', '/dev/full']);
      expect(done.exitCode, done.stderr).toBe(0);
      expect(done.stdout).toContain('Cut over');
      expect(done.stderr).toContain('the report could not be written');
      const kept = milestoneOf(await migration.loadLog(), 'verified')?.evidence?.report;
      const load = `default/loads/load-${database}`;
      const report = JSON.parse((await migration.bucket.get(`${load}/${kept}`)).toString());
      expect(report).toMatchObject({ command: 'cutover', same: true });
      expect(report.structure.filter((each: { accepted?: boolean }) => each.accepted)).toHaveLength(3);
      const keys: string[] = [];
      for await (const { key } of migration.bucket.list(`${load}/reports/`)) keys.push(key);
      expect(keys.filter((key) => key.includes('-verify-'))).toHaveLength(1);
      run.kill('SIGTERM');
      await run.ended;
      await migration.must('fsck', '--deep');
      expect((await orders.indexes()).map(({ name }) => name).sort()).toEqual([
        '_id_',
        '_id_hashed',
        'theirs',
      ]);
      expect(await there.collection('notes').countDocuments()).toBe(3);
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
