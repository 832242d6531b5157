/**
 * A capture reads a collection in natural order, because its `_id`s are random. It is killed again
 * and again, while an application inserts, deletes, and inserts again what it deleted. The target
 * ends equal to the source, byte for byte.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { Random } from '@waybill/demo/shop/random';
import { Binary, type MongoClient } from 'mongodb-4-0';
import { expect, it } from 'vitest';
import { testClient } from '../support/raw.ts';
import { describeWithServer, uniqueName } from '../support/servers.ts';
import { testSeed } from '../support/workload.ts';
import { killAgainAndAgain } from './killer.ts';
import { Migration, said } from './migration.ts';

const DOCUMENTS = 15_000;
const KILLS = 7;

await describeWithServer('a capture in natural order', (servers) => {
  it('is killed again and again, and goes on inside the collection', async () => {
    const seed = testSeed();
    const random = new Random(seed);
    const { uri } = servers.source;
    const database = uniqueName('natural');
    await using client = await testClient(uri);
    const ids = await fill(client.client, database, random);
    await using application = writing(client.client, database, ids, random.int(1e9));
    await using migration = await Migration.create({
      servers,
      databases: [database],
      capture: ['--chunk-size', '1MiB', '--segment-size', '512KiB', '--max-read-rate', '1MiB'],
    });
    const lives: string[] = [];
    await killAgainAndAgain({
      who: 'capture',
      start: () => {
        const command = migration.start('capture');
        void command.ended.then(({ stderr }) => lives.push(stderr));
        return command;
      },
      random,
      kills: KILLS,
      begun: /new stream|stream goes on/,
      maxLifeMs: 2000,
      moments: [/collection-completed/],
    });
    const cutShort = lives.findIndex((said) => said.includes('snapshot-completed'));
    const capture = migration.start('capture');
    const load = migration.start('load');
    await said(load, /snapshot applied/);
    const writes = await application.stop();
    for (const side of [load, capture]) {
      side.kill('SIGTERM');
      expect((await side.ended).exitCode).toBe(0);
    }
    expect(await migration.finish()).toEqual([]);
    const { chunks, totals } = await migration.stream();
    const all = [...lives, capture.stderr].join('');
    console.log(
      `${writes} writes, ${totals.snapshotRecords} documents read, ${all.match(/is read again/g)?.length ?? 0} new beginnings`,
    );
    const chunk = chunks.get(`${database}.items`)!;
    expect([...chunk.values()]).toMatchObject([{ natural: true, progress: { done: true } }]);
    expect(chunk.get(0)!.progress!.positions!.length).toBeGreaterThan(1);
    // At least the first one died in the middle of it.
    expect(cutShort).not.toBe(0);
    // It went on where it was. If each kill had made it begin again, it would have read several
    // times as much.
    expect(totals.snapshotRecords).toBeLessThan(2 * DOCUMENTS);
  }, 240_000);
});

interface Item {
  readonly _id: Binary;
  readonly text?: string;
  readonly round?: number;
}

async function fill(client: MongoClient, database: string, random: Random): Promise<Binary[]> {
  const ids = Array.from({ length: DOCUMENTS }, () => randomId(random));
  const items = client.db(database).collection<Item>('items');
  await items.insertMany(ids.map((_id) => ({ _id, text: random.words(150) })));
  await items.createIndex({ round: 1 });
  return ids;
}

function randomId(random: Random): Binary {
  return new Binary(Buffer.from(Array.from({ length: 16 }, () => random.int(256))), Binary.SUBTYPE_UUID);
}

interface Writing extends AsyncDisposable {
  /** The number of writes. */
  stop(): Promise<number>;
}

function writing(client: MongoClient, database: string, ids: Binary[], seed: number): Writing {
  const random = new Random(seed);
  const items = client.db(database).collection<Item>('items');
  let isStopped = false;
  const run = async (): Promise<number> => {
    let round = 0;
    for (; !isStopped; round++) {
      const _id = random.pick(ids);
      const change = random.int(4);
      if (change === 0) await items.updateOne({ _id }, { $set: { round } });
      else if (change === 1) await items.deleteOne({ _id });
      else if (change === 2) await items.insertOne({ _id: randomId(random), round });
      else {
        // Now it is behind the reader, or again in front of it.
        await items.deleteOne({ _id });
        await items.insertOne({ _id, round });
      }
      await sleep(random.int(8));
    }
    return round;
  };
  const running = run();
  running.catch(() => undefined);
  const stop = (): Promise<number> => {
    isStopped = true;
    return running;
  };
  return { stop, [Symbol.asyncDispose]: async () => void (await stop().catch(() => undefined)) };
}
