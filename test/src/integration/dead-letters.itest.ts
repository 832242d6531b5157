/**
 * Records that the target refuses, put aside: a letter is durable before anything passes it, and it
 * never outlives a later state of its document.
 */

import type { Letter } from '@waybill/load/letters/letter';
import { controlOf } from '@waybill/load/rate/control';
import { interrupted } from '@waybill/shared/base/lifecycle';
import { int32, string } from '@waybill/shared/bson/build';
import { loadPrefix } from '@waybill/shared/manifest/keys';
import { readManifest } from '@waybill/shared/manifest/log';
import { expect } from 'vitest';
import { awaitUntil } from '../support/await-until.ts';
import { itWithLetters, noteInLoad, readLog } from '../support/letters.ts';
import { order } from '../support/load-documents.ts';
import { describeWithServer } from '../support/servers.ts';
import { put, remove } from '../support/stream-builder.ts';

const SECRET = 'PLANTED';

await describeWithServer('dead letters', (servers) => {
  const it = itWithLetters(() => servers.target.uri);

  it('hold a refused record whole, of the snapshot and of the changes', async ({
    bucket,
    limited,
    orders,
    stream,
    run,
    expectStored,
  }) => {
    await limited();
    const documents = Array.from({ length: 20 }, (_, n) => order(int32(n), n === 7 ? 99 : 0));
    await stream.snapshot([{ namespace: orders, documents }]);
    await stream.changes([put(orders, order(int32(1), 98), 'update'), put(orders, order(int32(30), 1))]);
    await stream.changes([put(orders, order(string(SECRET), 97)), put(orders, order(int32(2), 3))]);
    await stream.milestone('caught-up');
    const result = await run({ maxDeadLetters: 3 });
    expect(result.stats).toMatchObject({ deadLettersOpen: 3 });
    const log = await readLog(bucket.url);
    const placeOf = ({ place }: Letter): number => ('sequence' in place ? place.sequence : 0);
    const open = log.open.toSorted((a, b) => placeOf(a) - placeOf(b));
    expect(open).toMatchObject([
      { number: 1, namespace: orders, source: orders, kind: 'insert', by: 'target', rule: 'server-121' },
      { kind: 'update', place: { lane: expect.any(Number), sequence: 1 } },
      { place: { sequence: 3 }, records: 1, attempts: 1, epoch: 1 },
    ]);
    expect(JSON.stringify(log.open)).not.toContain(SECRET);
    expect(log.records.get(1)).toMatchObject({
      operation: 'read',
      document: order(int32(7), 99).toString('base64'),
    });
    expect(log.records.get(open[2]!.number)).toMatchObject({
      operation: 'insert',
      namespace: orders,
      document: order(string(SECRET), 97).toString('base64'),
      clusterTime: expect.stringMatching(/^\d+:1$/),
    });
    const left = documents.filter((_, n) => n !== 7 && n !== 2);
    await expectStored([...left, order(int32(30), 1), order(int32(2), 3)]);
  });

  it('are superseded by a later change, and deleted by a later delete', async ({
    bucket,
    limited,
    orders,
    stream,
    run,
    expectStored,
  }) => {
    await limited();
    const poison = [1, 2, 3, 4].map((n) => order(int32(n), 90 + n));
    await stream.snapshot([{ namespace: orders, documents: [...poison, order(int32(5), 0)] }]);
    await stream.milestone('caught-up');
    await run({ maxDeadLetters: 4 });
    await stream.changes([
      put(orders, order(int32(1), 1), 'update'),
      remove(orders, int32(2)),
      put(orders, order(int32(3), 80), 'update'),
    ]);
    await stream.milestone('caught-up');
    await run({ maxDeadLetters: 4 });
    const log = await readLog(bucket.url);
    const closed = log.lines.filter((line) => 'closed' in line);
    expect(closed.toSorted((a, b) => a.closed - b.closed)).toEqual([
      { closed: 1, as: 'superseded' },
      { closed: 2, as: 'deleted' },
      { closed: 3, as: 'superseded' },
    ]);
    expect(log.open.map(({ number }) => number)).toEqual([4, 5]);
    await expectStored([order(int32(1), 1), order(int32(5), 0)]);
  });

  it('stop the load where there are too many, and lose nothing', async ({
    bucket,
    client,
    database,
    limited,
    orders,
    stream,
    run,
    expectStored,
  }) => {
    await limited();
    const documents = Array.from({ length: 5 }, (_, n) => order(int32(n), n));
    await stream.snapshot([{ namespace: orders, documents }]);
    for (let n = 0; n < 3; n++) await stream.changes([put(orders, order(int32(n), 50 + n), 'update')]);
    await stream.milestone('caught-up');
    const full = { code: 'LOAD_DEAD_LETTERS_FULL', exitCode: 1, context: { open: 2 } };
    await expect(run({ maxDeadLetters: 2, windowBytes: 1 })).rejects.toMatchObject(full);
    await expect(run({ maxDeadLetters: 2, windowBytes: 1 })).rejects.toMatchObject(full);
    await expect(run()).rejects.toMatchObject({ code: 'TARGET_REFUSED_DOCUMENT' });
    await client.command(database, { collMod: 'orders', validator: {} });
    await run();
    const { open } = await readLog(bucket.url);
    expect(open.length).toBeLessThanOrEqual(2);
    const held = open.map(({ place }) => ('sequence' in place ? place.sequence - 1 : -1));
    await expectStored(
      documents.map((document, n) => (n < 3 && !held.includes(n) ? order(int32(n), 50 + n) : document)),
    );
  });

  it('wait with a retry while the load is paused, and go on when it is resumed', async ({
    bucket,
    client,
    database,
    limited,
    orders,
    stream,
    run,
    ask,
    expectStored,
  }) => {
    await limited();
    await stream.snapshot([{ namespace: orders, documents: [order(int32(1), 99)] }]);
    await stream.milestone('caught-up');
    await run({ maxDeadLetters: 1 });
    await client.command(database, { collMod: 'orders', validator: {} });
    await noteInLoad(bucket.url, 'paused');
    const asking = ask();
    await awaitUntil('the pause is obeyed', async () => {
      const log = await readManifest(stream.bucket, loadPrefix('default', 'default'));
      return controlOf(log).isObeyed;
    });
    await noteInLoad(bucket.url, 'resumed');
    expect(await asking).toMatchObject({ retried: 1 });
    await expectStored([order(int32(1), 99)]);
  });

  it('are written by a retry once the target takes them, and only those that were asked for', async ({
    client,
    database,
    limited,
    orders,
    stream,
    run,
    ask,
    expectStored,
  }) => {
    await limited();
    const documents = Array.from({ length: 6 }, (_, n) => order(int32(n), n < 4 ? 90 + n : n));
    await stream.snapshot([{ namespace: orders, documents }]);
    await stream.milestone('caught-up');
    await run({ maxDeadLetters: 10 });
    expect(await ask()).toMatchObject({ retried: 0, refused: 4, rules: { 'server-121': 4 } });
    await client.command(database, { collMod: 'orders', validator: { state: { $lt: 93 } } });
    expect(await ask({ choice: { numbers: [2] } })).toMatchObject({ retried: 1, refused: 0 });
    expect(await ask({ choice: { namespaces: ['other.*'] } })).toMatchObject({ retried: 0, refused: 0 });
    expect(await ask({ choice: { namespaces: [`${database}.*`], rules: ['server-121'] } })).toMatchObject({
      retried: 2,
      refused: 1,
    });
    expect(await ask({ action: 'discard', reason: 'not needed' })).toMatchObject({ discarded: 1 });
    expect(await ask()).toMatchObject({ retried: 0, refused: 0 });
    await run({ maxDeadLetters: 10 });
    await expectStored(documents.filter((_, n) => n !== 3));
  });

  it('are never put over a newer state, however late a retry comes', async ({
    client,
    database,
    limited,
    orders,
    stream,
    run,
    ask,
    expectStored,
  }) => {
    await limited();
    const first = [1, 2, 3].map((n) => order(int32(n), 90 + n));
    await stream.snapshot([{ namespace: orders, documents: first }]);
    await stream.milestone('caught-up');
    await run({ maxDeadLetters: 10 });
    await stream.changes([put(orders, order(int32(1), 1), 'update'), remove(orders, int32(2))]);
    await stream.milestone('caught-up');
    await run({ maxDeadLetters: 10 });
    // Not applied yet.
    await stream.changes([put(orders, order(int32(3), 3), 'update')]);
    await stream.milestone('caught-up');
    await client.command(database, { collMod: 'orders', validator: {} });
    expect(await ask()).toMatchObject({ retried: 1 });
    await expectStored([order(int32(1), 1), order(int32(3), 93)]);
    await run({ maxDeadLetters: 10 });
    await expectStored([order(int32(1), 1), order(int32(3), 3)]);
    expect(await ask()).toMatchObject({ retried: 0, refused: 0 });
    await expectStored([order(int32(1), 1), order(int32(3), 3)]);
  });

  it('are retried by the running load, between two commits', async ({
    bucket,
    client,
    database,
    limited,
    orders,
    stream,
    run,
    ask,
    expectStored,
  }) => {
    await limited();
    await stream.snapshot([{ namespace: orders, documents: [order(int32(1), 91), order(int32(2), 92)] }]);
    await stream.milestone('caught-up');
    const stop = new AbortController();
    const loading = run({ maxDeadLetters: 10, until: null, signal: stop.signal });
    await awaitUntil('the letters are there', async () => (await readLog(bucket.url)).open.length === 2);
    await stream.changes([put(orders, order(int32(2), 2), 'update')]);
    await client.command(database, { collMod: 'orders', validator: {} });
    await awaitUntil(
      'the change is there',
      async () => (await client.client.db(database).collection('orders').countDocuments({ state: 2 })) === 1,
    );
    expect(await ask()).toMatchObject({ retried: 1, refused: 0 });
    stop.abort(interrupted('the test ends it'));
    expect(await loading).toMatchObject({ outcome: 'stopped', epoch: 1 });
    await expectStored([order(int32(1), 91), order(int32(2), 2)]);
  });

  it('are not retried once the load is cut over', async ({ bucket, limited, orders, stream, run, ask }) => {
    await limited();
    await stream.snapshot([{ namespace: orders, documents: [order(int32(1), 91)] }]);
    await stream.milestone('caught-up');
    await run({ maxDeadLetters: 10 });
    await noteInLoad(bucket.url, 'cutover');
    await expect(ask()).rejects.toMatchObject({ code: 'LOAD_CUT_OVER', exitCode: 2 });
  });
});
