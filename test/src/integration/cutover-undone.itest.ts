/**
 * The application writes on after a cutover that had made unique indexes unique already: unique
 * values change hands between documents, and the load holds back again what is in its way. What
 * somebody else made unique is left alone.
 */

import type { RunningServer } from '@waybill/demo/servers/start';
import { restoreHeldBack } from '@waybill/load/cutover/restore';
import { silentLogger } from '@waybill/shared/base/logger';
import { fromObject } from '@waybill/shared/bson/build';
import { openBucket } from '@waybill/shared/bucket/open/open-bucket';
import type { Milestone } from '@waybill/shared/manifest/commit';
import { loadPrefix } from '@waybill/shared/manifest/keys';
import { readManifest } from '@waybill/shared/manifest/log';
import { appendNote } from '@waybill/shared/manifest/note';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { Migration } from '../e2e/migration.ts';
import { awaitUntil } from '../support/await-until.ts';
import { type TemporaryBucket, temporaryBucket } from '../support/bucket.ts';
import { type TestClient, testClient } from '../support/raw.ts';
import { load, type RunLoadOptions } from '../support/run-load.ts';
import { describeWithServer, startServer, uniqueName } from '../support/servers.ts';
import { put, StreamBuilder } from '../support/stream-builder.ts';
import { connectTarget } from '../support/target/connect-target.ts';
import type { RunningCommand } from '../support/waybill.ts';

const ID_INDEX = fromObject({ v: 2, key: { _id: 1 }, name: '_id_' });
const NAME = 'by e, and nobody twice';
const unique = fromObject({ v: 2, unique: true, key: { e: 1 }, name: NAME });
const plain = fromObject({ v: 2, key: { e: 1 }, name: 'plain' });
const PEOPLE = 40;

interface Target {
  readonly how: string;
  readonly kind: 'current' | 'oldest';
}

const person = (id: number, e: number | string): Buffer => fromObject({ _id: id, e });

/**
 * Everybody has the value of the neighbour now: in whatever order they are written, values meet.
 */
const swapped = Array.from({ length: PEOPLE }, (_, n) => person(n, n % 2 === 0 ? n + 1 : n - 1));

for (const { how, kind } of [
  { how: 'that converts indexes', kind: 'current' },
  { how: 'that has to build them anew', kind: 'oldest' },
] satisfies Target[]) {
  await describeWithServer(
    `a load after restored indexes, on a target ${how},`,
    () => {
      let server: RunningServer;
      let bucket: TemporaryBucket;
      let client: TestClient;
      let database: string;
      let people: string;
      let stream: StreamBuilder;

      beforeEach(async () => {
        server = await startServer({ kind, replSet: 'target' });
        bucket = await temporaryBucket();
        client = await testClient(server.uri);
        database = uniqueName('undone');
        people = `${database}.people`;
        stream = await StreamBuilder.create(bucket.url);
      });
      afterEach(async () => {
        await client[Symbol.asyncDispose]();
        await bucket[Symbol.asyncDispose]();
        await server.stop();
      });

      const run = (options: Partial<RunLoadOptions> = {}) =>
        load({ bucketUrl: bucket.url, targetUri: server.uri, until: 'caught-up', ...options });

      async function restore() {
        await using target = await connectTarget(server.uri);
        const { signal } = new AbortController();
        const settings = { load: 'default', progressDatabase: 'waybill' };
        return await restoreHeldBack(settings, { target, logger: silentLogger, signal });
      }

      async function start(...indexes: readonly Buffer[]): Promise<void> {
        const documents = Array.from({ length: PEOPLE }, (_, n) => person(n, n));
        await stream.snapshot([{ namespace: people, indexes: [ID_INDEX, ...indexes], documents }]);
        await stream.milestone('caught-up');
        await run();
      }

      async function index(name = NAME, collection = 'people') {
        const list = await client.client.db(database).collection(collection).indexes();
        return list.find((each) => each.name === name);
      }

      const values = async (collection = 'people'): Promise<unknown[]> =>
        (await client.client.db(database).collection(collection).find().sort({ _id: 1 }).toArray()).map(
          ({ e }) => e,
        );
      const expected = Array.from({ length: PEOPLE }, (_, n) => (n % 2 === 0 ? n + 1 : n - 1));
      const swap = (namespace = people) =>
        stream.changes(swapped.map((document) => put(namespace, document, 'update')));

      it('goes on, and the next cutover makes them unique again', async () => {
        await start(unique);
        expect(await restore()).toMatchObject([{ outcome: 'restored' }]);
        expect(await index()).toMatchObject({ unique: true });
        await swap();
        await run();
        expect(await values()).toEqual(expected);
        expect(await index()).not.toHaveProperty('unique');
        const { milestones } = await readManifest(stream.bucket, loadPrefix('default', 'default'));
        expect(milestones.filter(({ evidence }) => evidence?.heldBackAgain)).toMatchObject([
          { name: 'indexes-built', evidence: { namespace: people, index: NAME } },
        ]);
        expect(await restore()).toMatchObject([{ outcome: 'restored' }]);
        expect(await index()).toMatchObject({ unique: true });
      });

      it('goes on where the cutover had made the index itself', async () => {
        // The two differ in uniqueness alone, so only one could stand there before.
        await start(plain, unique);
        await restore();
        const hadBoth = await index();
        await swap();
        await run();
        expect(await values()).toEqual(expected);
        expect(await index('plain')).toBeDefined();
        // Servers before 5.0 refuse the second index at any time.
        if (kind === 'current') expect(hadBoth).toMatchObject({ unique: true });
        expect(await index()).toBeUndefined();
      });

      it('goes on where somebody else had made the index in an empty collection, before the load', async () => {
        const db = client.client.db(database);
        await db.createCollection('people');
        // Of the source's own name and key.
        await db.collection('people').createIndex({ e: 1 }, { unique: true, name: NAME });
        await start(unique);
        expect(await restore()).toMatchObject([{ outcome: 'restored' }]);
        await swap();
        await run();
        expect(await values()).toEqual(expected);
        expect(await index()).not.toHaveProperty('unique');
        await restore();
        expect(await index()).toMatchObject({ unique: true });
      });

      it('leaves alone what somebody made unique after the load had held it back again, and says whose it is', async () => {
        await start(unique);
        await restore();
        await swap();
        await run();
        const theirs = client.client.db(database).collection('people');
        await theirs.dropIndex(NAME);
        await theirs.createIndex({ e: 1 }, { unique: true, name: NAME });
        // An exchange of keys the load could solve, but not one key of two documents.
        await stream.changes([0, 1].map((n) => put(people, person(n, 7), 'update')));
        await expect(run()).rejects.toMatchObject({
          code: 'TARGET_REFUSED_DOCUMENT',
          context: { index: NAME },
          hint: expect.stringContaining(NAME),
        });
        expect(await index()).toMatchObject({ unique: true });
      });

      it('holds them back before the source changes the structure', async () => {
        await start(unique);
        await restore();
        const renamed = `${database}.persons`;
        await stream.ddl([{ operation: 'rename', namespace: people, to: renamed }]);
        await swap(renamed);
        await run();
        expect(await values('persons')).toEqual(expected);
        expect(await index(NAME, 'persons')).not.toHaveProperty('unique');
        await restore();
        expect(await index(NAME, 'persons')).toMatchObject({ unique: true });
      });

      it('ends, and leaves them unique, where the cutover is recorded already', async () => {
        await start(unique);
        await restore();
        const prefix = loadPrefix('default', 'default');
        const other = await openBucket(bucket.url);
        const cutover: Milestone = {
          name: 'cutover',
          at: new Date().toISOString(),
          clusterTime: null,
          sequence: null,
        };
        const running = run({ until: null });
        await awaitUntil('the load runs', async () => (await readManifest(other, prefix)).epoch === 2);
        await appendNote(other, prefix, [cutover], { writer: 'operator' });
        await swap();
        expect(await running).toMatchObject({ outcome: 'cut-over' });
        expect(await index()).toMatchObject({ unique: true });
        await other.close();
      });
    },
    { source: kind },
  );
}

await describeWithServer('a cutover that is making indexes unique', (servers) => {
  const NAMES = Array.from({ length: 40 }, (_, n) => `people${String(n).padStart(2, '0')}`);
  const [FIRST, LAST] = [NAMES[0]!, NAMES.at(-1)!];
  let source: TestClient;
  let target: TestClient;
  let database: string;
  let migration: Migration;
  let loading: RunningCommand;

  beforeEach(async () => {
    database = uniqueName('cutover_undone');
    source = await testClient(servers.source.uri);
    target = await testClient(servers.target.uri);
    for (const name of NAMES) {
      const people = source.client.db(database).collection(name);
      await people.createIndex({ e: 1 }, { unique: true, name: NAME });
      await people.insertMany(Array.from({ length: PEOPLE }, (_, n) => ({ _id: n as never, e: n })));
    }
    migration = await Migration.create({ servers, databases: [database] });
    [, loading] = await migration.startSides();
  });
  afterEach(async () => {
    await migration[Symbol.asyncDispose]();
    await source[Symbol.asyncDispose]();
    await target[Symbol.asyncDispose]();
  });

  const recorded = async (milestone: string): Promise<boolean> =>
    (await migration.loadLog()).milestones.some(({ name }) => name === milestone);

  const isUnique = async (name: string): Promise<boolean> =>
    (await target.client.db(database).collection(name).indexes()).some(({ unique }) => unique);

  async function uniqueNow(): Promise<string[]> {
    const found: string[] = [];
    for (const name of NAMES) if (await isUnique(name)) found.push(name);
    return found;
  }

  /**
   * Everybody gets the value of the next: in a transaction, so in one commit, and in one window of
   * the load.
   */
  async function moveValues(name: string): Promise<void> {
    const people = source.client.db(database).collection<{ _id: number; e: number }>(name);
    const session = source.client.startSession();
    await session.withTransaction(async () => {
      await people.updateOne({ _id: PEOPLE - 1 }, { $set: { e: -1 } }, { session });
      for (let n = PEOPLE - 2; n >= 0; n--) {
        await people.updateOne({ _id: n }, { $set: { e: n + 1 } }, { session });
      }
      await people.updateOne({ _id: PEOPLE - 1 }, { $set: { e: 0 } }, { session });
    });
    await session.endSession();
  }

  async function appliedMove(name: string): Promise<void> {
    const people = target.client.db(database).collection<{ _id: number; e: number }>(name);
    await awaitUntil(`the load has applied what was written to ${name}`, async () => {
      if (!loading.isRunning) throw new Error(`the load ended: ${(await loading.ended).stderr}`);
      // All of it: lanes go side by side, and while one is under way values stand twice.
      const found = await people.find().toArray();
      return found.length === PEOPLE && found.every(({ _id, e }) => e === (_id + 1) % PEOPLE);
    });
  }

  async function cutOver(): Promise<void> {
    const done = await migration.run('cutover', ['--json']);
    expect(done.exitCode, done.stderr).toBe(0);
    expect(JSON.parse(done.stdout)).toMatchObject({ cutover: true, verification: { same: true } });
    expect(await uniqueNow()).toEqual(NAMES);
    expect(await migration.differences()).toEqual([]);
    expect((await loading.ended).exitCode).toBe(0);
  }

  it('may be killed: the load goes on, whatever the application writes, and the next cutover is done', async () => {
    const cutover = migration.start('cutover');
    await awaitUntil('the first index is unique', () => isUnique(FIRST), { everyMs: 1 });
    cutover.kill('SIGKILL');
    expect(await cutover.ended).toMatchObject({ signal: 'SIGKILL' });
    const restored = await uniqueNow();
    expect(restored).toContain(FIRST);
    expect(restored.length).toBeLessThan(NAMES.length);
    expect(await recorded('cutover')).toBe(false);

    const written = NAMES.slice(0, 6);
    for (const name of written) await moveValues(name);
    for (const name of written) await appliedMove(name);
    expect(loading.stderr).toMatch(/held back again/);
    expect(await uniqueNow()).not.toContain(FIRST);
    await cutOver();
  });

  it('does not end where the load held one back again meanwhile', async () => {
    const cutover = migration.start('cutover');
    await awaitUntil('it makes indexes unique', () => cutover.stderr.includes('restoring indexes'), {
      everyMs: 1,
    });
    // An open transaction on the last collection: the cutover stops in front of it.
    const session = target.client.startSession();
    session.startTransaction();
    await target.client.db(database).collection(LAST).findOne({}, { session });
    await awaitUntil('the first index is unique', () => isUnique(FIRST));
    await moveValues(FIRST);
    await appliedMove(FIRST);
    expect(await isUnique(FIRST)).toBe(false);
    expect(cutover.isRunning).toBe(true);
    await session.abortTransaction();
    await session.endSession();
    const { exitCode, stderr } = await cutover.ended;
    expect(exitCode, stderr).toBe(3);
    expect(stderr).toMatch(/written to after its writes had stopped/);
    expect(await recorded('cutover')).toBe(false);
    await cutOver();
  });
});
