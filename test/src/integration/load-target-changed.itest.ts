/**
 * A load finds at its start that the target lost what it wrote, or that the bucket holds less than
 * it has applied.
 */
import { cp, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { int32 } from '@waybill/shared/bson/build';
import { ManifestWriter } from '@waybill/shared/manifest/writer';
import { expect } from 'vitest';
import { itLoadsDocuments, order } from '../support/load-documents.ts';
import { describeWithServer } from '../support/servers.ts';
import { put } from '../support/stream-builder.ts';

const UUID = 'a'.repeat(32);
const documents = Array.from({ length: 500 }, (_, n) => order(int32(n), n));

await describeWithServer('a load that starts again', (servers) => {
  const it = itLoadsDocuments(() => servers.target.uri, 'again');

  it.for(['dropped', 'emptied', 'made anew'] as const)(
    'says which collection was %s on the target, and writes nothing',
    async (how, { client, database, orders, stream, run, stored }) => {
      await stream.snapshot([
        { namespace: orders, uuid: UUID, documents },
        { namespace: `${database}.other`, uuid: 'b'.repeat(32), documents: documents.slice(0, 1) },
      ]);
      await stream.milestone('caught-up');
      await run();
      const collection = client.client.db(database).collection('orders');
      if (how === 'emptied') await collection.deleteMany({});
      else await collection.drop();
      if (how === 'made anew') await collection.insertOne({ mine: true });
      await stream.changes([put(orders, order(int32(1), 1000)), put(orders, order(int32(501), 501))]);
      await stream.milestone('caught-up');
      const what = { dropped: 'gone', emptied: 'empty; 500 documents', 'made anew': 'another collection' }[
        how
      ];
      const refusal = {
        code: 'TARGET_CHANGED',
        exitCode: 1,
        message: expect.stringContaining(`${orders} (${what}`),
      };
      for (let attempt = 0; attempt < 2; attempt++) await expect(run()).rejects.toMatchObject(refusal);
      expect((await stored()).size).toBe(how === 'made anew' ? 1 : 0);
    },
  );

  it('says so in the middle of the snapshot too', async ({ client, database, orders, stream, run }) => {
    await stream.snapshot([{ namespace: orders, documents, segmentDocuments: 250 }], { complete: false });
    const stop = new AbortController();
    const loading = run({ signal: stop.signal });
    const progress = client.client.db('waybill').collection<{ _id: string }>('progress');
    await expect.poll(() => progress.countDocuments({ kind: 'segment' }), { timeout: 60_000 }).toBe(2);
    stop.abort();
    await loading;
    await client.client.db(database).dropDatabase();
    await expect(run()).rejects.toMatchObject({ code: 'TARGET_CHANGED' });
  });

  it('goes on where the stream itself has dropped, renamed or emptied, and knows what stands since', async ({
    client,
    database,
    orders,
    stream,
    run,
    expectStored,
  }) => {
    const [dropped, renamed] = [`${database}.dropped`, `${database}.renamed`];
    const few = documents.slice(0, 2);
    await stream.snapshot([
      { namespace: orders, uuid: UUID, documents: few },
      { namespace: dropped, uuid: 'b'.repeat(32), documents: few },
      { namespace: renamed, uuid: 'c'.repeat(32), documents },
    ]);
    await stream.milestone('caught-up');
    await run();
    await stream.changes(
      few.map((_, n) => ({ operation: 'delete', namespace: orders, uuid: UUID, id: int32(n) })),
    );
    await stream.ddl([
      { operation: 'drop', namespace: dropped, uuid: 'b'.repeat(32) },
      { operation: 'rename', namespace: renamed, to: dropped, uuid: 'c'.repeat(32) },
      { operation: 'create', namespace: renamed, uuid: 'd'.repeat(32) },
    ]);
    await stream.milestone('caught-up');
    for (let attempt = 0; attempt < 2; attempt++) await run({ allowDrop: true });
    await expectStored([]);
    await expectStored(documents, 'dropped');
    await expectStored([], 'renamed');
    // Also of what a change of structure has made since.
    await client.client.db(database).collection('renamed').drop();
    await expect(run()).rejects.toMatchObject({ message: expect.stringContaining(`: ${renamed} (gone)`) });
  });

  it('goes on in a target that was restored with its progress, where no collection has the uuid that it had', async ({
    client,
    database,
    orders,
    stream,
    run,
    expectStored,
  }) => {
    await stream.snapshot([{ namespace: orders, uuid: UUID, documents }]);
    await stream.milestone('caught-up');
    await run();
    const restore = async (name: string, collection: string): Promise<void> => {
      const db = client.client.db(name);
      await db
        .collection(collection)
        .aggregate([{ $out: 'restored' }])
        .toArray();
      await db.collection('restored').rename(collection, { dropTarget: true });
    };
    await restore(database, 'orders');
    await restore('waybill', 'progress');
    await stream.changes([put(orders, order(int32(500), 500))]);
    await stream.milestone('caught-up');
    await run();
    await expectStored([...documents, order(int32(500), 500)]);
    // From here on those are known.
    await restore(database, 'orders');
    await expect(run()).rejects.toMatchObject({ code: 'TARGET_CHANGED' });
  });

  it('refuses a bucket that is older than what the target has of it, and one with another history', async ({
    bucket,
    orders,
    stream,
    run,
    expectStored,
  }) => {
    await stream.snapshot([{ namespace: orders, uuid: UUID, documents: documents.slice(0, 1) }]);
    await stream.milestone('caught-up');
    await run();
    const [now, older] = [join(bucket.path, 'default'), join(bucket.path, '.older')];
    await cp(join(now, 'manifest'), older, { recursive: true });
    await stream.changes([put(orders, order(int32(1), 1))]);
    await stream.milestone('caught-up');
    await run();
    const after = [documents[0]!, order(int32(1), 1)];
    await expectStored(after);

    await rm(join(now, 'manifest'), { recursive: true });
    await cp(older, join(now, 'manifest'), { recursive: true });
    await expect(run()).rejects.toMatchObject({
      code: 'STREAM_ROLLED_BACK',
      message: expect.stringContaining("the bucket's last one is"),
    });
    const other = await ManifestWriter.acquire({ bucket: stream.bucket, prefix: 'default', writer: 'test' });
    for (let n = 0; n < 3; n++) await other.commit({});
    await expect(run()).rejects.toMatchObject({
      code: 'STREAM_ROLLED_BACK',
      message: expect.stringContaining('another commit'),
    });
    await expectStored(after);
  });
});
