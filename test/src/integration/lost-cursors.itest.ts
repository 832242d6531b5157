/**
 * The server gives up a reader's cursor: a new one goes on, or finds that the collection is gone.
 */
import { ConnectionReader } from '@waybill/load/reading/connection-reader';
import { existing } from '@waybill/load/verify/lookup';
import { documentId } from '@waybill/shared/bson/statement';
import { openBucket } from '@waybill/shared/bucket/open/open-bucket';
import type { MongoConnection } from '@waybill/shared/mongo/driver/connection';
import { listCollections } from '@waybill/shared/mongo/facts/collections';
import { type Db, Long } from 'mongodb-4-0';
import { expect, it } from 'vitest';
import { int32 } from '../support/bson/bytes.ts';
import { temporaryBucket } from '../support/bucket.ts';
import { beforeCommands, caughtUp, connectSource, mark, startCapture } from '../support/capturing.ts';
import { padded } from '../support/ranges.ts';
import { type TestClient, testClient } from '../support/raw.ts';
import { replayStream } from '../support/replay.ts';
import { describeWithServer, uniqueName } from '../support/servers.ts';

/** Together more than one reply holds. */
const LARGE = Array.from({ length: 20 }, (_, n) => padded(int32(n), 1_000_000));
/** More than a first batch. */
const MANY = 150;

/**
 * The connection, with `then` called once before more of a cursor on the collection is asked for.
 */
class Interrupted {
  readonly connection: MongoConnection;
  #then: ((cursor: unknown) => Promise<unknown>) | null = null;
  isOver = false;

  constructor(connection: MongoConnection, collection: string) {
    this.connection = beforeCommands(connection, async (command) => {
      if (this.#then === null || command.getMore === undefined || command.collection !== collection) return;
      const then = this.#then;
      this.#then = null;
      await then(command.getMore);
      this.isOver = true;
    });
  }

  arm(then: (cursor: unknown) => Promise<unknown>): this {
    this.#then = then;
    return this;
  }
}

/** In one transaction, so one commit has them all. */
async function updateAtOnce({ client }: TestClient, db: Db, collection: string): Promise<void> {
  const session = client.startSession();
  await session.withTransaction(async () => {
    await db.collection(collection).updateMany({}, { $inc: { n: 1 } }, { session });
  });
  await session.endSession();
}

async function aKilledListingBeginsAnew(uri: string): Promise<void> {
  await using client = await testClient(uri);
  await using source = await connectSource(uri);
  const database = uniqueName('listing');
  const db = client.client.db(database);
  for (let n = 0; n < MANY; n++) await db.createCollection(`c${n}`);
  const interrupted = new Interrupted(source, '$cmd.listCollections');
  interrupted.arm((cursor) =>
    db.command({ killCursors: '$cmd.listCollections', cursors: [Long.fromBigInt(cursor as bigint)] }),
  );
  expect(await listCollections(interrupted.connection, database)).toHaveLength(MANY);
  expect(interrupted.isOver).toBe(true);
  await db.dropDatabase();
}

await describeWithServer(
  'cursors that are lost',
  (servers) => {
    it.each([
      ['drop', (db: Db) => db.collection('large').drop()],
      ['rename', (db: Db) => db.collection('large').rename('elsewhere')],
    ] as const)('%s of a collection while images are read from it ends no capture', async (how, then) => {
      await using client = await testClient(servers.source.uri);
      await using source = await connectSource(servers.source.uri);
      await using folder = await temporaryBucket();
      const bucket = await openBucket(folder.url);
      const database = uniqueName('lost');
      const db = client.client.db(database);
      await client.insert(database, 'large', LARGE);
      const interrupted = new Interrupted(source, 'large');
      const capture = startCapture(interrupted.connection, bucket, { include: [database] });
      await caughtUp(bucket);
      interrupted.arm(() => then(db));
      await updateAtOnce(client, db, 'large');
      await Promise.race([mark(db, bucket), capture.ended]);
      await capture.stop();
      expect(interrupted.isOver).toBe(true);
      const { commits } = await replayStream(bucket, 'default');
      expect(commits.flatMap(({ ddl }) => ddl ?? []).map(({ operation }) => operation)).toContain(how);
    });

    it('a comparison looks again for documents whose collection went away', async () => {
      await using client = await testClient(servers.source.uri);
      await using source = await connectSource(servers.source.uri);
      const database = uniqueName('lookup');
      const small = Array.from({ length: MANY }, (_, n) => padded(int32(n)));
      await client.insert(database, 'many', small);
      const interrupted = new Interrupted(source, 'many');
      interrupted.arm(() => client.client.db(database).collection('many').drop());
      const found = await existing(
        new ConnectionReader(interrupted.connection),
        `${database}.many`,
        small.map(documentId),
        {
          notBefore: undefined,
          signal: AbortSignal.timeout(60_000),
        },
      );
      expect([interrupted.isOver, found.size]).toEqual([true, 0]);
    });

    it('a listing whose cursor was killed begins anew', () => aKilledListingBeginsAnew(servers.source.uri));

    it('a listing whose cursor was killed begins anew, on the newest server too', () =>
      aKilledListingBeginsAnew(servers.target.uri));
  },
  { source: 'oldest' },
);
