/** Capture and load in one process: killed, stopped, started again, and cut over while it runs. */
import { setTimeout as sleep } from 'node:timers/promises';
import { Random } from '@waybill/demo/shop/random';
import { expect, it } from 'vitest';
import { describeWithServer, uniqueName } from '../support/servers.ts';
import { createShop, startWorkload, testSeed } from '../support/workload.ts';
import { killAgainAndAgain } from './killer.ts';
import { ending, Migration, said } from './migration.ts';

const ORDERS = 2000;
const KILLS = 4;

await describeWithServer('waybill run', (servers) => {
  it('brings a source in use to the target, whatever happens to it', async () => {
    const seed = testSeed();
    const random = new Random(seed);
    const { uri } = servers.source;
    const database = uniqueName('run');
    await createShop({ uri, database, seed, orders: ORDERS });
    await using workload = await startWorkload({
      uri,
      database,
      seed,
      orders: ORDERS,
      writers: 2,
      ratePerSecond: 150,
      structureEvery: 200,
    });
    await using migration = await Migration.create({
      servers,
      databases: [database],
      capture: ['--format', 'jsonl'],
    });
    await killAgainAndAgain({
      who: 'run',
      start: () => migration.start('run'),
      random,
      kills: KILLS,
      begun: /load taken over/,
      maxLifeMs: 2500,
      moments: [/snapshot-completed/, /snapshot applied/, /structure change applied/],
    });
    const caughtUp = await migration.run('run', ['--until', 'caught-up', '--json']);
    expect(caughtUp.exitCode, ending(caughtUp)).toBe(0);
    expect(JSON.parse(caughtUp.stdout)).toMatchObject([{ command: 'capture' }, { command: 'load' }]);

    const run = migration.start('run');
    await said(run, /load taken over/);
    await sleep(random.int(1000));
    const { operations } = await workload.stop();
    const cutover = await migration.run('cutover');
    expect(cutover.exitCode, ending(cutover)).toBe(0);
    // Again: it was done, and says so.
    expect((await migration.run('cutover')).exitCode).toBe(0);
    run.kill('SIGTERM');
    const ended = await run.ended;
    expect(ended.exitCode, ending(ended)).toBe(0);
    expect(await migration.differences()).toEqual([]);
    const { totals } = await migration.stream();
    console.log(
      `${operations} operations, ${totals.changeRecords} changes, ${totals.ddlEvents} structure changes`,
    );
  });
});
