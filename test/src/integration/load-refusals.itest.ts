/**
 * What a load does not apply: damaged files, streams and targets that are not its own, documents
 * that the target refuses.
 */
import { readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Refusal } from '@waybill/load/apply/refusal';
import { buildDocument, doc, fromObject, int32, string } from '@waybill/shared/bson/build';
import { sealJson } from '@waybill/shared/manifest/sealed-json';
import { expect } from 'vitest';
import { cursors, itLoadsDocuments, order } from '../support/load-documents.ts';
import { describeWithServer } from '../support/servers.ts';
import { put, StreamBuilder } from '../support/stream-builder.ts';

await describeWithServer('what a load refuses', (servers) => {
  const it = itLoadsDocuments(() => servers.target.uri, 'refused');

  it('refuses the progress of another stream', async ({ bucket, orders, stream, run, expectStored }) => {
    await stream.snapshot([{ namespace: orders, documents: [order(int32(1), 0)] }]);
    await run({ until: 'snapshot-applied' });
    const other = await StreamBuilder.create(bucket.url, { stream: 'other' });
    await other.snapshot([{ namespace: orders, documents: [order(int32(1), 1)] }]);
    await expect(run({ stream: 'other', until: 'snapshot-applied' })).rejects.toMatchObject({
      code: 'LOAD_FOREIGN',
      exitCode: 2,
    });
    await expectStored([order(int32(1), 0)]);
  });

  it('applies nothing of a damaged segment', async ({
    bucket,
    orders,
    stream,
    run,
    stored,
    expectStored,
  }) => {
    const documents = Array.from({ length: 4000 }, (_, n) => order(int32(n), n));
    const [segment] = await stream.snapshot([{ namespace: orders, documents }]);
    const path = join(bucket.path, 'default', segment!.key);
    const whole = await stream.bucket.get(`default/${segment!.key}`);
    const flipped = Buffer.from(whole);
    flipped[flipped.length - 40]! ^= 1;
    for (const bytes of [flipped, whole.subarray(0, whole.length - 1)]) {
      await rm(path);
      await writeFile(path, bytes);
      await expect(run()).rejects.toMatchObject({
        code: 'SEGMENT_CORRUPT',
        message: expect.stringContaining(segment!.key),
      });
      expect((await stored()).size).toBe(0);
    }
    await rm(path);
    await expect(run()).rejects.toMatchObject({ code: 'BUCKET_OBJECT_MISSING' });
    await writeFile(path, whole);
    await stream.milestone('caught-up');
    await run();
    await expectStored(documents);
  });

  it('applies nothing of a damaged change segment, and no cursor passes it', async ({
    bucket,
    client,
    orders,
    stream,
    run,
    stored,
  }) => {
    await stream.snapshot([{ namespace: orders, documents: [] }]);
    const commit = await stream.changes(
      Array.from({ length: 100 }, (_, n) => put(orders, order(int32(n), n))),
    );
    const path = join(bucket.path, 'default', commit.segments![0]!.key);
    const bytes = await stream.bucket.get(`default/${commit.segments![0]!.key}`);
    bytes[bytes.length - 20]! ^= 1;
    await rm(path);
    await writeFile(path, bytes);
    await stream.milestone('caught-up');
    await expect(run()).rejects.toMatchObject({ code: 'SEGMENT_CORRUPT' });
    expect((await stored()).size).toBe(0);
    expect(Math.max(...(await cursors(client)).map(({ seq }) => seq))).toBeLessThan(commit.seq);
  });

  it('refuses a stream without images, and one that is not there', async ({ bucket, run }) => {
    await StreamBuilder.create(bucket.url, { images: 'none' });
    await expect(run()).rejects.toMatchObject({ code: 'FORMAT_UNSUPPORTED' });
    await expect(run({ stream: 'nowhere', waitForStream: 0 })).rejects.toMatchObject({
      code: 'STREAM_MISSING',
    });
  });

  it('applies nothing from a commit on that it does not understand or that does not chain', async ({
    bucket,
    orders,
    stream,
    run,
    expectStored,
  }) => {
    await stream.snapshot([{ namespace: orders, documents: [order(int32(1), 0)] }]);
    await stream.milestone('caught-up');
    await run();
    const { seq } = await stream.changes([put(orders, order(int32(2), 0))]);
    await stream.milestone('caught-up');
    const path = join(bucket.path, `default/manifest/${String(seq).padStart(20, '0')}.json`);
    const whole = await readFile(path);
    const { checksum: _, ...commit } = JSON.parse(whole.toString()) as Record<string, unknown>;
    const damaged: [Buffer, string][] = [
      [sealJson({ ...commit, features: ['tomorrow'] }), 'FORMAT_UNSUPPORTED'],
      [sealJson({ ...commit, previous: 'f'.repeat(64) }), 'MANIFEST_CORRUPT'],
      [Buffer.from(whole.toString().replace('"records":1', '"records":2')), 'MANIFEST_CORRUPT'],
      [whole.subarray(0, 100), 'MANIFEST_CORRUPT'],
    ];
    for (const [bytes, code] of damaged) {
      await rm(path);
      await writeFile(path, bytes);
      await expect(run()).rejects.toMatchObject({ code, message: expect.stringContaining(String(seq)) });
      await expectStored([order(int32(1), 0)]);
    }
    await rm(path);
    await writeFile(path, whole);
    await run();
    await expectStored([order(int32(1), 0), order(int32(2), 0)]);
  });

  it('refuses a target that holds documents of somebody else', async ({
    client,
    database,
    orders,
    stream,
    run,
  }) => {
    await client.client.db(database).collection('orders').insertOne({ mine: true });
    await stream.snapshot([{ namespace: orders, documents: [order(int32(1), 0)] }]);
    await expect(run()).rejects.toMatchObject({
      code: 'TARGET_NOT_EMPTY',
      message: expect.stringContaining(orders),
    });
  });

  it('refuses a collection that is another kind of collection on the target', async ({
    client,
    database,
    orders,
    stream,
    run,
  }) => {
    await client.client.db(database).createCollection('orders', { collation: { locale: 'de' } });
    await stream.snapshot([{ namespace: orders, documents: [order(int32(1), 0)] }]);
    await expect(run()).rejects.toMatchObject({
      code: 'TARGET_DDL_CONFLICT',
      message: expect.stringContaining('collation'),
    });
  });

  it("names the record that the target's own validator refuses", async ({
    client,
    database,
    orders,
    stream,
    run,
    expectStored,
  }) => {
    await client.client.db(database).createCollection('orders', { validator: { state: { $lt: 10 } } });
    await stream.snapshot([{ namespace: orders, documents: [order(int32(1), 0)] }]);
    await stream.changes([put(orders, order(string('secret'), 11))]);
    await stream.milestone('caught-up');
    const error: unknown = await run().catch((caught: unknown) => caught);
    expect(error).toMatchObject({
      code: 'TARGET_REFUSED_DOCUMENT',
      context: {
        namespace: orders,
        sequence: 1,
        lane: expect.any(Number),
        segment: expect.stringContaining('segments/changes/'),
        idType: 'string',
        serverCode: 121,
      },
    });
    expect(String((error as Error).message)).not.toContain('secret');
    await client.command(database, { collMod: 'orders', validator: {} });
    await run();
    await expectStored([order(int32(1), 0), order(string('secret'), 11)]);
  });

  it('goes on without them where that is decided, and names every record of theirs', async ({
    client,
    database,
    orders,
    stream,
    run,
    expectStored,
  }) => {
    await client.client.db(database).createCollection('orders', { validator: { state: { $lt: 10 } } });
    const documents = Array.from({ length: 20 }, (_, n) => order(int32(n), n === 7 ? 99 : 0));
    const [segment] = await stream.snapshot([{ namespace: orders, documents }]);
    const first = put(orders, order(int32(30), 1));
    const { segments: [early] = [] } = await stream.changes([first, put(orders, order(int32(1), 2))]);
    const { segments: [late] = [] } = await stream.changes([
      put(orders, order(int32(30), 98), 'update'),
      put(orders, order(int32(2), 3)),
    ]);
    await stream.milestone('caught-up');
    const refused: Refusal[] = [];
    const result = await run({
      onRefused: async (refusals) => {
        refused.push(...refusals);
      },
    });
    expect(refused).toMatchObject([
      { kind: 'insert', namespace: orders, code: 121, places: [{ segment: segment!.key, document: 7 }] },
      {
        namespace: orders,
        code: 121,
        id: int32(30),
        places: [
          { segment: early!.key, sequence: 1 },
          { segment: late!.key, sequence: 3 },
        ],
      },
    ]);
    expect(refused.map(({ document }) => document)).toEqual([order(int32(7), 99), order(int32(30), 98)]);
    expect(result.sequence).toBe(4);
    const left = documents.filter((_, n) => n !== 7 && n !== 1 && n !== 2);
    await expectStored([...left, order(int32(1), 2), order(int32(2), 3)]);
  });

  it("writes past the source's own validator", async ({ orders, stream, run, expectStored }) => {
    const options = buildDocument([
      ['validator', doc(fromObject({ state: { $lt: 10 } }))],
      ['validationLevel', string('strict')],
    ]);
    await stream.snapshot([{ namespace: orders, options, documents: [order(int32(1), 99)] }]);
    await stream.changes([put(orders, order(int32(2), 98))]);
    await stream.milestone('caught-up');
    await run();
    await expectStored([order(int32(1), 99), order(int32(2), 98)]);
  });

  it("names the record that the target's own unique index refuses", async ({
    client,
    database,
    orders,
    stream,
    run,
  }) => {
    await stream.snapshot([{ namespace: orders, documents: [order(int32(1), 5)] }]);
    await run({ until: 'snapshot-applied' });
    const collection = client.client.db(database).collection('orders');
    await collection.createIndex({ state: 1 }, { unique: true, name: 'mine' });
    await stream.changes([put(orders, order(int32(2), 5))]);
    await stream.milestone('caught-up');
    await expect(run()).rejects.toMatchObject({
      code: 'TARGET_REFUSED_DOCUMENT',
      context: { sequence: 1, idType: 'int32', index: 'mine' },
    });
  });
});
