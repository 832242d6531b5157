/**
 * Shows what the write fence relies on: a server refuses a late batch by the transaction number in
 * its session, whenever the batch comes. With both drivers, after an election, and with servers
 * that can't.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { openTarget } from '@waybill/load/target/open/open-target';
import type { FenceRequest, LoadTarget, WriteBatch, WriteResult } from '@waybill/load/target/target';
import { deleteStatement, replaceStatement } from '@waybill/shared/bson/statement';
import { connect } from '@waybill/shared/mongo/driver/connect';
import type { MongoConnection } from '@waybill/shared/mongo/driver/connection';
import { afterAll, beforeAll, beforeEach, expect, it } from 'vitest';
import { awaitUntil } from '../support/await-until.ts';
import { document, int32 } from '../support/bson/bytes.ts';
import { type TestClient, testClient } from '../support/raw.ts';
import { ReplicaSet } from '../support/replica-set.ts';
import {
  describeWithServer,
  type ServerKind,
  startServer,
  startShardedCluster,
  uniqueName,
} from '../support/servers.ts';

const LOAD = 'main';
const FENCED = { code: 'LOAD_FENCED', exitCode: 4 };

/** An owner of the load, without the lease that keeps others from sending late. */
class Owner implements AsyncDisposable {
  readonly #connection: MongoConnection;
  readonly #target: LoadTarget;
  /** A progress database of its own stands for a load of its own. */
  readonly #key: string;
  readonly #epoch: number;

  private constructor(connection: MongoConnection, target: LoadTarget, key: string, epoch: number) {
    this.#connection = connection;
    this.#target = target;
    this.#key = key;
    this.#epoch = epoch;
  }

  static async connect(uri: string, progressDatabase: string, epoch: number): Promise<Owner> {
    const connection = await connect(uri, { role: 'target' });
    const target = await openTarget(connection).forLoad({ progressDatabase, maxWriteMs: 60_000 });
    return new Owner(connection, target, progressDatabase, epoch);
  }

  shutOut(slots: Partial<FenceRequest> = {}): Promise<boolean> {
    const documentOf = (slot: number): string => `${LOAD}/slot/${slot}`;
    const tag = { load: LOAD, epoch: this.#epoch };
    return this.#target.shutOut({ tag, key: this.#key, slots: 2, allSlots: 2, documentOf, ...slots });
  }

  write(kind: WriteBatch['kind'], namespace: string, statements: readonly Buffer[]): Promise<WriteResult> {
    const batch = { kind, namespace, statements, bypassValidation: true, keepsOrder: false };
    return this.#target.write(batch, { load: LOAD, epoch: this.#epoch });
  }

  /** Says if writes of earlier owners are seen to run. */
  seesOlder(): Promise<boolean | null> {
    return this.#target.olderWritesRun({ load: LOAD, epoch: this.#epoch });
  }

  keepShutOut(): Promise<void> {
    return this.#target.keepShutOut();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#connection.close();
  }
}

for (const kind of ['current', 'oldest'] as const satisfies readonly ServerKind[]) {
  await describeWithServer(
    `batches of an owner that was shut out, ${kind} server`,
    (servers) => {
      let client: TestClient;
      let database: string;
      let things: string;
      const owner = (epoch: number): Promise<Owner> => Owner.connect(servers.source.uri, database, epoch);
      const stored = (): Promise<object[]> =>
        client.client.db(database).collection('things').find().toArray();

      beforeAll(async () => {
        client = await testClient(servers.source.uri);
      });
      beforeEach(async () => {
        database = uniqueName('fence');
        things = `${database}.things`;
        await client.client.db(database).createCollection('things');
      });
      afterAll(() => client?.[Symbol.asyncDispose]());

      it('are refused, whatever they would do, and change nothing', async () => {
        await using older = await owner(3);
        await using newer = await owner(4);
        expect(await older.shutOut()).toBe(true);
        await older.write('insert', things, [thing(1, 0), thing(2, 0)]);
        expect(await newer.shutOut()).toBe(true);
        const before = await stored();
        await expect(older.write('insert', things, [thing(3, 0)])).rejects.toMatchObject(FENCED);
        await expect(older.write('update', things, [replacement(1, 9)])).rejects.toMatchObject(FENCED);
        await expect(older.write('delete', things, [deletion(2)])).rejects.toMatchObject(FENCED);
        expect(await stored()).toEqual(before);
        await newer.keepShutOut();
        await newer.write('update', things, [replacement(1, 1), replacement(2, 1)]);
        expect(await stored()).toEqual([
          { _id: 1, n: 1 },
          { _id: 2, n: 1 },
        ]);
      });

      it('are refused in each of their slots, also where the newer owner has fewer', async () => {
        await using older = await owner(1);
        await using newer = await owner(2);
        await older.shutOut({ slots: 4, allSlots: 4 });
        await Promise.all([1, 2, 3, 4].map((id) => older.write('insert', things, [thing(id, 0)])));
        await newer.shutOut({ slots: 1, allSlots: 4 });
        for (let n = 0; n < 8; n++) {
          await expect(older.write('update', things, [replacement(1, 9)])).rejects.toMatchObject(FENCED);
        }
      });

      it('are refused where they go as transactions', async () => {
        await using older = await owner(1);
        await using newer = await owner(2);
        await older.shutOut();
        const all = Array.from({ length: 50 }, (_, id) => id);
        const puts = (n: number): Buffer[] => all.map((id) => replacement(id, n));
        expect(await older.write('update', things, puts(1))).toEqual({ n: 50, failures: [] });
        const oplog = client.client.db('local').collection('oplog.rs');
        const newest = { sort: { $natural: -1 }, projection: { 'o.applyOps.ns': 1 } } as const;
        const entry = await oplog.findOne({ 'o.applyOps.ns': things }, newest);
        expect(entry?.o.applyOps).toEqual(all.map(() => ({ ns: things })));
        await newer.shutOut();
        await expect(older.write('update', things, puts(9))).rejects.toMatchObject(FENCED);
        await expect(older.write('delete', things, all.map(deletion))).rejects.toMatchObject(FENCED);
        expect(await stored()).toEqual(all.map((_id) => ({ _id, n: 1 })));
      });

      it('are done whole or not at all where they go as transactions', async () => {
        await using older = await owner(1);
        await using newer = await owner(2);
        await older.shutOut();
        const puts = Array.from({ length: 80_000 }, (_, id) => replacement(id, 1));
        const writing = older.write('update', things, puts).catch((error: unknown) => error);
        await sleep(100);
        await newer.shutOut();
        const left = await client.client.db(database).collection('things').countDocuments();
        // Both are right: it depends on who had the session first, the commit or the newer owner.
        const isDone = left > 0;
        expect(left).toBe(isDone ? puts.length : 0);
        expect(await writing).toMatchObject(isDone ? { n: puts.length } : FENCED);
        expect(await client.client.db(database).collection('things').countDocuments()).toBe(left);
      });

      it('are told statement by statement what became of them', async () => {
        await using one = await owner(1);
        await one.shutOut();
        await client.client.db(database).collection('things').createIndex({ n: 1 }, { unique: true });
        // Every document but one has a unique value.
        const puts = Array.from({ length: 50 }, (_, id) => replacement(id, id === 30 ? 3 : id));
        const { n, failures } = await one.write('update', things, puts);
        expect({ n, failures }).toMatchObject({
          n: 49,
          failures: [{ index: 30, code: 11000, indexName: 'n_1' }],
        });
        expect(await stored()).toHaveLength(49);
      });

      it('are waited for where the server runs them', async () => {
        await using older = await owner(1);
        await using newer = await owner(2);
        await older.shutOut();
        const documents = Array.from({ length: 100_000 }, (_, id) => thing(id, 0));
        const writing = older.write('insert', things, documents);
        const first = { find: 'things', limit: 1 };
        await awaitUntil(
          'it has begun',
          async () => (await client.command(database, first)).cursor.firstBatch[0],
        );
        await newer.shutOut();
        expect(await client.client.db(database).collection('things').countDocuments()).toBe(100_000);
        expect(await writing).toEqual({ n: 100_000, failures: [] });
      });

      it('are told from those of a load of another key', async () => {
        await using one = await owner(1);
        await using other = await owner(2);
        await one.shutOut();
        await other.shutOut({ key: 'other' });
        expect(await one.write('insert', things, [thing(1, 0)])).toEqual({ n: 1, failures: [] });
      });

      it('come from an owner that came too late itself', async () => {
        await using older = await owner(1);
        await using newer = await owner(2);
        await newer.shutOut();
        await expect(older.shutOut()).rejects.toMatchObject(FENCED);
      });
    },
    { source: kind },
  );
}

await describeWithServer('batches of an owner that was shut out before an election', () => {
  it('are refused by the new primary', async () => {
    await using set = await ReplicaSet.start('fence');
    await using older = await Owner.connect(set.uri, 'waybill', 1);
    await using newer = await Owner.connect(set.uri, 'waybill', 2);
    await older.shutOut();
    await older.write('insert', 'fence.things', [thing(1, 0)]);
    await newer.shutOut();
    await set.killPrimary();
    await awaitUntil('the new primary is known', () =>
      newer.seesOlder().then(
        () => true,
        () => false,
      ),
    );
    // The first may meet a connection to the old primary.
    const late = await awaitUntil('the batch is answered', () =>
      older
        .write('update', 'fence.things', [replacement(1, 9)])
        .catch((error: Error) =>
          (error as { code?: string }).code === 'MONGO_TRANSIENT' ? undefined : error,
        ),
    );
    expect(late).toMatchObject(FENCED);
  });
});

await describeWithServer('batches of an owner that logs in', () => {
  it('are refused as well, and no right is needed beyond those of writing', async () => {
    await using server = await startServer({ replSet: 'fence', auth: true });
    await using admin = await testClient(server.uri);
    const roles = [
      { role: 'readWrite', db: 'waybill' },
      { role: 'readWrite', db: 'fence' },
      // Writes past validators.
      { role: 'dbAdmin', db: 'fence' },
    ];
    await admin.command('admin', { createUser: 'loader', pwd: 'secret', roles });
    const uri = `${server.anonymousUri.replace('//', '//loader:secret@')}&authSource=admin`;
    await using older = await Owner.connect(uri, 'waybill', 1);
    await using newer = await Owner.connect(uri, 'waybill', 2);
    expect(await older.shutOut()).toBe(true);
    expect(await newer.shutOut()).toBe(true);
    await newer.keepShutOut();
    await expect(older.write('insert', 'fence.things', [thing(1, 0)])).rejects.toMatchObject(FENCED);
    expect(await newer.write('insert', 'fence.things', [thing(1, 0)])).toEqual({ n: 1, failures: [] });
    const puts = Array.from({ length: 50 }, (_, id) => replacement(id, 1));
    expect(await newer.write('update', 'fence.things', puts)).toEqual({ n: 50, failures: [] });
    const oplog = admin.client.db('local').collection('oplog.rs');
    const isWhole = { 'o.applyOps.ns': 'fence.things' };
    expect((await oplog.findOne(isWhole, { sort: { $natural: -1 } }))?.o.applyOps).toHaveLength(50);
  });
});

await describeWithServer('a target of several shards', () => {
  it('says that it can not refuse batches, and takes them', async () => {
    await using cluster = await startShardedCluster();
    await using owner = await Owner.connect(cluster.uri, 'waybill', 1);
    expect(await owner.shutOut()).toBe(false);
    expect(await owner.write('insert', 'fence.things', [thing(1, 0)])).toEqual({ n: 1, failures: [] });
  });
});

const thing = (id: number, n: number): Buffer => document(['_id', int32(id)], ['n', int32(n)]);
const replacement = (id: number, n: number): Buffer => replaceStatement(int32(id), thing(id, n));
const deletion = (id: number): Buffer => deleteStatement(int32(id));
