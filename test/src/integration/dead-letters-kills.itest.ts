/**
 * Dead letters under `kill -9`. Each round gives the load a letter that a change supersedes, one
 * that a delete closes, and new ones, and kills it at one point. Retries are killed in the same
 * way. Whatever was killed: the target ends right, and exactly the poison is put aside.
 */
import { int32 } from '@waybill/shared/bson/build';
import { expect } from 'vitest';
import { askLetters, leaveRequest, readLog, runUntilKilled } from '../support/letters.ts';
import type { Point } from '../support/letters-process.ts';
import { itLoadsDocuments, order } from '../support/load-documents.ts';
import { describeWithServer } from '../support/servers.ts';
import { put, remove } from '../support/stream-builder.ts';

const LIMITED = { state: { $lt: 10 } };

/** The first file closes letters, the second one holds the new ones. */
const LOADING: readonly Point[] = [1, 2].flatMap((nth) =>
  (['file', 'commit'] as const).flatMap((step) =>
    (['before', 'after'] as const).map((moment): Point => ({ step, moment, nth })),
  ),
);
const CURSORS: readonly Point[] = [
  { step: 'cursor', moment: 'before', nth: 1 },
  { step: 'cursor', moment: 'after', nth: 1 },
];
const RETRYING = LOADING.filter(({ nth }) => nth === 1);
const text = ({ step, moment, nth }: Point): string => `${moment} ${step} ${nth}`;

await describeWithServer('dead letters of a process that is killed', (servers) => {
  const it = itLoadsDocuments(() => servers.target.uri, 'letters_killed');

  it('end right', { timeout: 240_000 }, async ({ bucket, client, database, orders, stream, run, stored }) => {
    const allow = (validator: object) => client.command(database, { collMod: 'orders', validator });
    await client.client.db(database).createCollection('orders', { validator: LIMITED });
    const [poisonId, lateId, deletedId] = [1, 2, 3].map((n) => (round: number) => int32(round * 10 + n)) as [
      (round: number) => ReturnType<typeof int32>,
      (round: number) => ReturnType<typeof int32>,
      (round: number) => ReturnType<typeof int32>,
    ];
    const poisonOf = (round: number) => [poisonId, lateId, deletedId].map((id) => order(id(round), 90));
    await stream.snapshot([{ namespace: orders, documents: poisonOf(0) }]);
    await stream.milestone('caught-up');
    await run({ maxDeadLetters: 100 });
    const at = { bucketUrl: bucket.url, targetUri: servers.target.uri };

    let round = 0;
    for (const point of [...LOADING, ...CURSORS]) {
      round++;
      await stream.changes([
        put(orders, order(lateId(round - 1), 1), 'update'),
        remove(orders, deletedId(round - 1)),
        ...poisonOf(round).map((document) => put(orders, document)),
      ]);
      await stream.milestone('caught-up');
      expect(await runUntilKilled({ ...at, work: 'load', point }), text(point)).toBe(true);
      await run({ maxDeadLetters: 100 });
      const { open } = await readLog(bucket.url);
      expect(open.length, text(point)).toBe(round + 3);
      const states = [...(await stored()).values()].map((document) => document.toString('hex')).sort();
      const wanted = Array.from({ length: round }, (_, n) => order(lateId(n), 1).toString('hex')).sort();
      expect(states, text(point)).toEqual(wanted);
    }

    for (const point of RETRYING) {
      round++;
      // The last change is not applied before the retry: then it must win.
      await stream.changes([put(orders, order(poisonId(round), 91))]);
      await stream.milestone('caught-up');
      await run({ maxDeadLetters: 100 });
      await allow({});
      await stream.changes([put(orders, order(poisonId(round), 2), 'update')]);
      await stream.milestone('caught-up');
      await leaveRequest(bucket.url);
      expect(await runUntilKilled({ ...at, work: 'retry', point }), text(point)).toBe(true);
      await run({ maxDeadLetters: 100 });
      expect((await readLog(bucket.url)).open, text(point)).toEqual([]);
      const found = [...(await stored()).values()].map((document) => document.toString('hex'));
      expect(found, text(point)).toContain(order(poisonId(round), 2).toString('hex'));
      expect(found, text(point)).not.toContain(order(poisonId(round), 91).toString('hex'));
      expect(found, text(point)).toContain(order(poisonId(0), 90).toString('hex'));
      await allow(LIMITED);
    }
  });

  it('never come over a state that is written and that no cursor has passed', async ({
    bucket,
    client,
    database,
    orders,
    stream,
    run,
    expectStored,
  }) => {
    await client.client.db(database).createCollection('orders', { validator: LIMITED });
    const at = { bucketUrl: bucket.url, targetUri: servers.target.uri };
    await stream.snapshot([{ namespace: orders, documents: [order(int32(1), 91), order(int32(2), 92)] }]);
    await stream.milestone('caught-up');
    await run({ maxDeadLetters: 100 });
    await client.command(database, { collMod: 'orders', validator: {} });

    // The letter is still open, so the change must not be written yet.
    await stream.changes([put(orders, order(int32(1), 1), 'update')]);
    await stream.milestone('caught-up');
    await runUntilKilled({ ...at, work: 'load', point: { step: 'file', moment: 'before', nth: 1 } });
    await expectStored([]);
    expect(await askLetters({ ...at, choice: { numbers: [1] } })).toMatchObject({ retried: 1 });
    await run({ maxDeadLetters: 100 });
    await expectStored([order(int32(1), 1)]);

    // The change is written, so the letter must be closed.
    await stream.changes([put(orders, order(int32(2), 2), 'update')]);
    await stream.milestone('caught-up');
    await runUntilKilled({ ...at, work: 'load', point: { step: 'cursor', moment: 'before', nth: 1 } });
    await expectStored([order(int32(1), 1), order(int32(2), 2)]);
    expect(await askLetters(at)).toMatchObject({ retried: 0, refused: 0 });
    await expectStored([order(int32(1), 1), order(int32(2), 2)]);
  });
});
