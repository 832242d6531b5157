import { WaybillError } from '@waybill/shared/base/errors';
import { type ClusterTime, formatClusterTime, parseClusterTime } from '@waybill/shared/base/position';
import type { Bucket } from '@waybill/shared/bucket/bucket';
import { openBucket } from '@waybill/shared/bucket/open/open-bucket';
import type { DdlEvent } from '@waybill/shared/manifest/commit';
import { readManifest } from '@waybill/shared/manifest/log';
import { appendNote } from '@waybill/shared/manifest/note';
import { milestoneOf } from '@waybill/shared/manifest/state';
import type { MongoConnection } from '@waybill/shared/mongo/driver/connection';
import { currentOperationTime } from '@waybill/shared/mongo/facts/operation-time';
import type { Db } from 'mongodb-4-0';
import { expect, it } from 'vitest';
import { Migration } from '../e2e/migration.ts';
import { awaitUntil } from '../support/await-until.ts';
import { FaultyBucket } from '../support/bucket/faulty-bucket.ts';
import { temporaryBucket } from '../support/bucket.ts';
import { atClockReadings, connectSource, startCapture } from '../support/capturing.ts';
import { compareDeployments } from '../support/compare.ts';
import { testClient } from '../support/raw.ts';
import { replayStream } from '../support/replay.ts';
import { load } from '../support/run-load.ts';
import { describeWithServer, uniqueName } from '../support/servers.ts';
import { linesOf, verify } from '../support/verifying.ts';

const HOUR = 3600;
const OLD_RULE = { a: { $exists: true } };
const NEW_RULE = { $jsonSchema: { required: ['a'] } };

/** What the snapshot finds: of each kind of thing one that will change. */
async function fill(db: Db): Promise<void> {
  await db.createCollection('ruled', { validator: OLD_RULE });
  await db.createCollection('freed', { validator: OLD_RULE, validationAction: 'warn' });
  for (const name of ['ruled', 'freed', 'indexed', 'renamed'])
    await db.collection(name).insertMany([1, 2, 3].map((n) => ({ _id: n as never, a: n, at: new Date() })));
  await db.collection('indexed').createIndexes([
    { key: { a: 1 }, name: 'goes' },
    { key: { b: 1 }, name: 'other key' },
    { key: { at: 1 }, name: 'ttl', expireAfterSeconds: HOUR },
    { key: { c: 1 }, name: 'stays' },
  ]);
  for (const name of ['view', 'gone_view'])
    await db.createCollection(name, { viewOn: 'indexed', pipeline: [{ $match: { a: 1 } }] });
}

/** What no server before 6.0 tells of. */
async function change(db: Db): Promise<void> {
  await db.command({ collMod: 'ruled', validator: NEW_RULE, validationLevel: 'moderate' });
  await db.command({ collMod: 'freed', validator: {} });
  const indexed = db.collection('indexed');
  await indexed.dropIndex('goes');
  await indexed.dropIndex('other key');
  await indexed.createIndexes([
    { key: { b: -1 }, name: 'other key', sparse: true },
    { key: { a: 1 }, name: 'comes', unique: true },
    { key: { words: 'text' }, name: 'words' },
  ]);
  await db.command({ collMod: 'indexed', index: { name: 'ttl', expireAfterSeconds: 2 * HOUR } });
  await db.command({ collMod: 'view', viewOn: 'ruled', pipeline: [{ $match: { a: 2 } }] });
  await db.collection('gone_view').drop();
  await db.createCollection('new_view', { viewOn: 'view', pipeline: [] });
  await db.createCollection('empty', { collation: { locale: 'fr' }, validator: OLD_RULE });
  await db.collection('empty').createIndex({ name: 1 }, { expireAfterSeconds: HOUR });
  await db.createCollection('empty_capped', { capped: true, size: 100_096, max: 7 });
  await db.createCollection('left_out');
  // Born, written to and changed once more: known by its first change, and not by its last.
  await db.collection('born').insertOne({ a: 1 });
}

/** More than goes into one commit, each time. */
async function changeMore(db: Db, round: number): Promise<void> {
  for (let n = 0; n < 14; n++) {
    await db.createCollection(`round_${round}_${n}`);
    await db.collection(`round_${round}_${n}`).createIndex({ a: 1 }, { name: 'one' });
    if (round === 1) continue;
    await db.collection(`round_${round - 1}_${n}`).dropIndex('one');
    await db.collection(`round_${round - 1}_${n}`).createIndex({ a: -1 }, { name: 'one' });
  }
}

await describeWithServer(
  'structure that a server before 6.0 does not tell of',
  (servers) => {
    it('is on the target after a cutover, with nothing done by hand', async () => {
      const database = uniqueName('untold');
      const other = uniqueName('untold_other');
      await using source = await testClient(servers.source.uri);
      await using target = await testClient(servers.target.uri);
      const db = source.client.db(database);
      await fill(db);
      const excluded = `${database}.left_out`;
      const capture = ['--exclude', excluded];
      const databases = [database, other];
      await using migration = await Migration.create({ servers, databases, capture });
      await migration.startSides();
      await change(db);
      // The rename has it read again: what it has by then must not count as told.
      await db.collection('renamed').createIndex({ a: 1 }, { name: 'before the rename' });
      await db.collection('renamed').rename('again');
      await source.client.db(other).createCollection('alone');
      await awaitUntil('the new collection is known', async () =>
        (await migration.stream()).currentCollections.has(`${database}.born`),
      );
      await db.collection('born').createIndex({ late: 1 });
      // It makes system.profile.
      await db.command({ profile: 2 });
      await db.collection('born').findOne({});
      await db.command({ profile: 0 });

      const done = await migration.run('cutover', ['--json']);
      expect(done.exitCode, done.stderr + done.stdout).toBe(0);
      const { verification } = JSON.parse(done.stdout);
      expect(verification).toMatchObject({ same: true, structure: [], differences: [] });
      expect(await migration.differences()).toEqual([`${excluded}: missing on the target`]);
      const names = (await target.client.db(database).listCollections().toArray()).map(({ name }) => name);
      expect(names.filter((name) => !name.startsWith('system.')).sort()).toEqual([
        'again',
        'born',
        'empty',
        'empty_capped',
        'freed',
        'indexed',
        'new_view',
        'ruled',
        'view',
      ]);
      const [commit] = await toldAfterWritesStopped(migration);
      expect(commit?.map(brief).sort()).toEqual(
        [
          'drop view',
          'drop gone_view',
          'createIndexes again',
          'createIndexes born',
          'create empty',
          'createIndexes empty',
          'create empty_capped',
          'modify freed',
          'dropIndexes indexed',
          'modify indexed',
          'createIndexes indexed',
          'modify ruled',
          'create alone',
          'create view',
          'create new_view',
        ].sort(),
      );
    });

    it('comes whole and once, at whichever write the capture dies', async () => {
      const database = uniqueName('untold_crash');
      await using client = await testClient(servers.source.uri);
      await using source = await connectSource(servers.source.uri);
      await using folder = await temporaryBucket();
      const bucket = await openBucket(folder.url);
      const db = client.client.db(database);
      await fill(db);
      const settings = { include: [database] };
      await startCapture(source, bucket, { ...settings, until: 'caught-up' }).ended;
      const loading = { bucketUrl: folder.url, targetUri: servers.target.uri, load: database };
      await load({ ...loading, until: 'caught-up' });
      await change(db);

      for (let round = 1; ; round++) {
        await changeMore(db, round);
        const time = await sayStopped(source, bucket);
        let callsLeft = round;
        const crashing = new FaultyBucket(bucket, ({ operation, moment }) => {
          if (operation !== 'put' || moment !== 'before') return;
          // Once dead, it writes nothing more, as a process that has ended.
          if (--callsLeft < 0) throw new WaybillError('INTERNAL', 'crash');
        });
        const capture = startCapture(source, crashing, settings);
        const ended = capture.ended.catch((error: unknown) => error);
        const outcome = await Promise.race([
          ended,
          awaitUntil('it is drained', () => isDrained(bucket, time)),
        ]);
        if (outcome === true) {
          callsLeft = Number.POSITIVE_INFINITY;
          await capture.stop();
          break;
        }
        expect(outcome).toMatchObject({ message: 'crash' });
      }
      // It has died before the first of its commits, between two, and behind the last.
      const { commits } = await replayStream(bucket, 'default');
      const drainedIn = commits.find(({ milestones = [] }) =>
        milestones.some(({ name }) => name === 'drained'),
      );
      const crashed = Array.from({ length: (drainedIn?.epoch ?? 0) - 2 }, (_, n) => n + 2);
      const told = crashed.map((epoch) => commits.filter((one) => one.epoch === epoch && one.ddl).length);
      expect(new Set(told)).toEqual(new Set([0, 1, 2]));

      await load({ ...loading, until: 'drained', indexes: 'after-snapshot' });
      const report = await verify(servers, [database]);
      expect(linesOf(report).filter((line) => !line.endsWith('(held back)'))).toEqual([]);
      const differing = await compareDeployments(servers.source.uri, servers.target.uri, {
        databases: [database],
        structure: false,
      });
      expect(differing).toEqual([]);
    });

    it('counts only where the stream tells of nothing else meanwhile', async () => {
      const database = uniqueName('untold_meanwhile');
      await using client = await testClient(servers.source.uri);
      await using source = await connectSource(servers.source.uri);
      await using folder = await temporaryBucket();
      const bucket = await openBucket(folder.url);
      const db = client.client.db(database);
      await db.collection('still').insertOne({ a: 1 });
      let listings = 0;
      let meanwhile = async (): Promise<void> => undefined;
      const watched = atClockReadings(source, async () => {
        listings++;
        await meanwhile();
      });
      const capture = startCapture(watched, bucket, { include: [database] });
      const caughtUp = async () => milestoneOf(await readManifest(bucket, 'default'), 'caught-up');
      await awaitUntil('it has caught up', caughtUp);
      const created = async () => {
        const { currentCollections } = await readManifest(bucket, 'default');
        return [...currentCollections.keys()].map((name) => name.slice(database.length + 1)).sort();
      };

      // Listed, but dropped or renamed before the listing counts.
      await db.createCollection('passing');
      await db.createCollection('unnamed');
      listings = 0;
      meanwhile = async () => {
        if (listings > 1) return;
        await db.collection('passing').drop();
        await db.collection('unnamed').rename('named');
      };
      await drained(source, bucket);
      expect(listings).toBe(2);
      expect(await created()).toEqual(['named', 'still']);

      // The operator says that writes have stopped, but they have not. The capture ends, and tells
      // the rest after the operator says so again.
      listings = 0;
      meanwhile = async () => {
        await db.createCollection(`empty_${listings}`);
        await db.createCollection('passing');
        await db.collection('passing').drop();
      };
      await drained(source, bucket);
      expect(listings).toBe(10);
      expect(await created()).toEqual(['named', 'still']);
      meanwhile = async () => undefined;
      await drained(source, bucket);
      await capture.stop();
      expect(await created()).toHaveLength(12);

      await load({
        ...{ bucketUrl: folder.url, targetUri: servers.target.uri, load: database },
        ...{ until: 'caught-up', allowDrop: true },
      });
      expect(linesOf(await verify(servers, [database]))).toEqual([]);
    });
  },
  { source: 'oldest' },
);

/** Says that writes have stopped, and waits for the milestone. */
async function drained(source: MongoConnection, bucket: Bucket): Promise<void> {
  const time = await sayStopped(source, bucket);
  await awaitUntil('it is drained', () => isDrained(bucket, time));
}

async function sayStopped(source: MongoConnection, bucket: Bucket): Promise<ClusterTime> {
  const time = await currentOperationTime(source);
  const at = new Date().toISOString();
  const word = { name: 'writes-stopped', at, clusterTime: formatClusterTime(time), sequence: null } as const;
  await appendNote(bucket, 'default', [word], { writer: 'operator' });
  return time;
}

async function isDrained(bucket: Bucket, time: ClusterTime): Promise<boolean> {
  const milestone = milestoneOf(await readManifest(bucket, 'default'), 'drained');
  return (parseClusterTime(milestone?.clusterTime ?? '') ?? 0n) >= time;
}

/** The structure changes of each commit behind the first `writes-stopped`. */
async function toldAfterWritesStopped(migration: Migration): Promise<(readonly DdlEvent[])[]> {
  const { commits } = await replayStream(migration.bucket, 'default');
  const from = commits.findIndex(({ milestones = [] }) =>
    milestones.some(({ name }) => name === 'writes-stopped'),
  );
  return commits.slice(from).flatMap(({ ddl }) => (ddl ? [ddl] : []));
}

const brief = ({ operation, namespace }: DdlEvent): string => `${operation} ${namespace.split('.')[1]}`;
