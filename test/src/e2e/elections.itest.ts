/**
 * Source and target are replica sets of three members. They lose their primaries by stepping down
 * and by crashes, during the snapshot and during changes. Capture and load go on by themselves, and
 * the target ends equal to the source, byte for byte.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { Random } from '@waybill/demo/shop/random';
import type { Collection, MongoClient } from 'mongodb-4-0';
import { expect, it } from 'vitest';
import { testClient } from '../support/raw.ts';
import { ReplicaSet } from '../support/replica-set.ts';
import { describeWithServer, uniqueName } from '../support/servers.ts';
import { testSeed } from '../support/workload.ts';
import { Migration } from './migration.ts';

const ORDERS = 12_000;

await describeWithServer('elections', () => {
  it('of source and target are waited out', async () => {
    const random = new Random(testSeed());
    const database = uniqueName('elections');
    await using source = await ReplicaSet.start('source');
    await using target = await ReplicaSet.start('target');
    await using application = await Application.start(source.uri, database, random.int(1e9));
    await using migration = await Migration.create({
      servers: { source, target },
      databases: [database],
      capture: [
        ...['--chunk-size', '1MiB', '--segment-size', '1MiB', '--max-read-rate', '1MiB'],
        ...['--read-preference', 'secondaryPreferred'],
      ],
      load: ['--batch-records', '200'],
    });
    const capture = migration.start('capture');
    await migration.reached('snapshot-started', capture);
    const load = migration.start('load');

    const [early, late] = [random.int(2), random.int(2)];
    const sides = [source, target] as const;
    await sleep(random.int(1500));
    // During the snapshot, which reads 12 MB at no more than one a second.
    await sides[early]!.stepDown();
    await sides[1 - early]!.killPrimary();
    const state = await migration.stream();
    await migration.reached('snapshot-completed', capture, load);
    await sides[late]!.killPrimary();
    await sleep(random.int(2000));
    await sides[1 - late]!.stepDown();
    await sleep(random.int(2000));
    await sides[1 - late]!.killPrimary();
    await sleep(random.int(2000));

    const { done, failed } = await application.stop();
    await migration.captured();
    for (const side of [capture, load]) {
      expect(side.isRunning, side.stderr.slice(-2000)).toBe(true);
      side.kill('SIGTERM');
      expect((await side.ended).exitCode).toBe(0);
    }
    expect(await migration.finish()).toEqual([]);
    const { totals } = await migration.stream();
    console.log(
      `${done} writes, ${failed} that an election cost, ${totals.changeRecords} changes, ` +
        `${(capture.stderr.match(/ warn /g) ?? []).length} warnings of capture, ${(load.stderr.match(/ warn /g) ?? []).length} of load`,
    );
    // Otherwise nothing was tried.
    expect(capture.stderr).toContain('change stream interrupted');
    expect(state.milestones.map(({ name }) => name)).not.toContain('snapshot-completed');
    expect(totals.changeRecords).toBeGreaterThan(200);
  }, 300_000);
});

interface Order {
  readonly _id: number;
  readonly items?: number[];
  readonly text?: string;
  readonly revision?: number;
  readonly balance?: number;
  readonly again?: number;
}

/**
 * Writes all the time, as an application does. If an election costs it a write, it goes on with the
 * next one.
 */
class Application implements AsyncDisposable {
  readonly #orders: Collection<Order>;
  readonly #client: MongoClient;
  readonly #random: Random;
  readonly #running: Promise<void>;
  #isStopped = false;
  #done = 0;
  #failed = 0;
  #next = ORDERS;

  private constructor(client: MongoClient, database: string, seed: number) {
    this.#client = client;
    this.#orders = client.db(database).collection<Order>('orders');
    this.#random = new Random(seed);
    this.#running = this.#run();
  }

  static async start(uri: string, database: string, seed: number): Promise<Application> {
    const { client } = await testClient(uri);
    const orders: Order[] = Array.from({ length: ORDERS }, (_, _id) => ({
      _id,
      items: [_id],
      text: 'x'.repeat(900),
    }));
    await client.db(database).collection<Order>('orders').insertMany(orders);
    await client.db(database).collection('orders').createIndex({ text: 1 });
    return new Application(client, database, seed);
  }

  async stop(): Promise<{ readonly done: number; readonly failed: number }> {
    this.#isStopped = true;
    await this.#running;
    return { done: this.#done, failed: this.#failed };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop();
    await this.#client.close();
  }

  async #run(): Promise<void> {
    while (!this.#isStopped) {
      try {
        await this.#write();
        this.#done++;
      } catch {
        // Also a write that was done in spite of its error, so the document is there already.
        this.#failed++;
      }
      await sleep(this.#random.int(10));
    }
  }

  async #write(): Promise<unknown> {
    const orders = this.#orders;
    const some = { _id: this.#random.int(ORDERS) };
    const again = { ...some, again: this.#done };
    switch (this.#random.int(6)) {
      case 0:
        return orders.insertOne({ _id: this.#next++ });
      case 1:
        return orders.replaceOne(some, again);
      case 2:
        return orders.deleteOne(some);
      case 3:
        await orders.deleteOne(some);
        return orders.insertOne(again);
      case 4:
        return this.#transfer(some);
      default:
        return orders.updateOne(some, { $inc: { revision: 1 }, $push: { items: this.#done } });
    }
  }

  #transfer(some: Pick<Order, '_id'>): Promise<unknown> {
    const other = { _id: this.#random.int(ORDERS) };
    return this.#client.withSession((session) =>
      session.withTransaction(async () => {
        await this.#orders.updateOne(some, { $inc: { balance: -1 } }, { session });
        await this.#orders.updateOne(other, { $inc: { balance: 1 } }, { session });
      }),
    );
  }
}
