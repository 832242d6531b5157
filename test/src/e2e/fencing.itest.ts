/**
 * INV-4: if two captures share a stream, or two loads a name, exactly one goes on. The other says
 * so and exits 4. One that is taken over while it sleeps does no harm when it wakes up.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { Random } from '@waybill/demo/shop/random';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { awaitUntil } from '../support/await-until.ts';
import { testClient } from '../support/raw.ts';
import { describeWithServer, uniqueName } from '../support/servers.ts';
import type { RunningCommand } from '../support/waybill.ts';
import { createShop, startWorkload, testSeed, type Workload } from '../support/workload.ts';
import { AT_WORK, Migration, said } from './migration.ts';

const ORDERS = 1500;

await describeWithServer('two at once', (servers) => {
  let migration: Migration;
  let workload: Workload;
  let random: Random;
  let database: string;

  beforeEach(async () => {
    const seed = testSeed();
    random = new Random(seed);
    const { uri } = servers.source;
    database = uniqueName('fencing');
    await createShop({ uri, database, seed, orders: ORDERS });
    workload = await startWorkload({ uri, database, seed, orders: ORDERS, writers: 2, ratePerSecond: 100 });
    migration = await Migration.create({ servers, databases: [database] });
  });
  afterEach(async () => {
    await migration[Symbol.asyncDispose]();
    await workload[Symbol.asyncDispose]();
  });

  async function endsRight(): Promise<void> {
    await workload.stop();
    expect(await migration.finish()).toEqual([]);
  }

  it('lets one capture and one load go on, whoever came first', async () => {
    const takingOver = () => migration.start('capture', '--take-over');
    const captures = [takingOver(), takingOver()];
    const capture = await onlyOneGoesOn(captures, 'MANIFEST_FENCED');
    const later = takingOver();
    // Whoever comes later wins.
    expect(await onlyOneGoesOn([capture, later], 'MANIFEST_FENCED')).toBe(later);
    await migration.reached('snapshot-completed', later);

    const loads = [migration.start('load'), migration.start('load')];
    const load = await onlyOneGoesOn(loads, 'LOAD_FENCED');
    const laterLoad = migration.start('load');
    expect(await onlyOneGoesOn([load, laterLoad], 'LOAD_FENCED')).toBe(laterLoad);
    await stopCleanly(later, laterLoad);
    await endsRight();
  });

  it('is not harmed by a capture that wakes up after it was taken over', async () => {
    for (let round = 0; round < 3; round++) {
      const sleeper = migration.start('capture');
      await said(sleeper, /new stream|stream goes on/);
      await sleep(random.int(700));
      sleeper.kill('SIGSTOP');
      const heir = migration.start('capture', '--take-over');
      await said(heir, /stream goes on|new stream/);
      await sleep(300 + random.int(700));
      sleeper.kill('SIGCONT');
      await expectFenced(sleeper, 'MANIFEST_FENCED');
      await stopCleanly(heir);
    }
    await endsRight();
  });

  it('is not harmed by a load that wakes up amidst the snapshot', async () => {
    const capture = migration.start('capture');
    await migration.reached('snapshot-started', capture);
    const sleeper = migration.start('load');
    await said(sleeper, AT_WORK);
    await sleep(random.int(400));
    sleeper.kill('SIGSTOP');
    const heir = migration.start('load');
    await said(heir, AT_WORK);
    await sleep(random.int(1000));
    sleeper.kill('SIGCONT');
    await expectFenced(sleeper, 'LOAD_FENCED');
    await stopCleanly(heir, capture);
    await endsRight();
  });

  it('is not harmed by a load that wakes up with old states of documents in its hands', async () => {
    await using client = await testClient(servers.source.uri);
    const orders = client.client.db(database).collection('orders');
    const changeAll = async (times: number): Promise<void> => {
      for (let n = 0; n < times; n++) await orders.updateMany({}, { $inc: { changed: 1 } });
    };
    const capture = migration.start('capture');
    await migration.reached('snapshot-completed', capture);
    await migration.must('load', '--until', 'caught-up');
    await changeAll(6);
    await migration.captured();
    // Small batches, one at a time: when it is stopped, it still has most of them to send. The
    // larger ones go as transactions.
    const records = random.pick(['5', '20']);
    const sleeper = migration.start('load', '--batch-records', records, '--workers', '1');
    await said(sleeper, AT_WORK);
    await sleep(200 + random.int(300));
    sleeper.kill('SIGSTOP');
    await changeAll(1);
    const heir = migration.start('load');
    await said(heir, /milestone=caught-up/);
    sleeper.kill('SIGCONT');
    await expectFenced(sleeper, 'LOAD_FENCED');
    await stopCleanly(heir, capture);
    await endsRight();
  });
});

/** The one of two commands that goes on; the other has ended as fenced. */
async function onlyOneGoesOn(both: readonly RunningCommand[], code: string): Promise<RunningCommand> {
  const ended = await awaitUntil('one of them ends', () => both.find((command) => !command.isRunning));
  await expectFenced(ended, code);
  const left = both.find((command) => command !== ended)!;
  await sleep(1500);
  expect(left.isRunning, left.stderr).toBe(true);
  return left;
}

async function expectFenced(command: RunningCommand, code: string): Promise<void> {
  const { exitCode, stderr } = await command.ended;
  expect(stderr).toContain(`code: ${code}`);
  expect(exitCode).toBe(4);
}

async function stopCleanly(...commands: readonly RunningCommand[]): Promise<void> {
  for (const command of commands) command.kill('SIGTERM');
  for (const command of commands) {
    const { exitCode, stderr } = await command.ended;
    expect(exitCode, stderr).toBe(0);
  }
}
