/** A cutover that is killed in each of its steps. */
import { setTimeout as sleep } from 'node:timers/promises';
import { expect, it } from 'vitest';
import { awaitUntil } from '../support/await-until.ts';
import { testClient } from '../support/raw.ts';
import { describeWithServer, uniqueName } from '../support/servers.ts';
import { testSeed } from '../support/workload.ts';
import { fillWithHeldBack } from './held-back.ts';
import { Migration } from './migration.ts';

const STEPS = [
  'waiting for capture',
  'waiting for load',
  'checking indexes',
  'verifying',
  'restoring indexes',
  'waiting for load to end',
];

await describeWithServer('a cutover', (servers) => {
  it('ends the same however often it is killed', async () => {
    const database = uniqueName('cutover_killed');
    await using source = await testClient(servers.source.uri);
    await fillWithHeldBack(source, database);
    await using migration = await Migration.create({ servers, databases: [database] });
    await migration.startSides();
    let state = testSeed() % 2_147_483_647 || 1;
    const random = (): number => {
      state = (state * 48_271) % 2_147_483_647;
      return state / 2_147_483_647;
    };
    for (const step of STEPS) {
      const cutover = migration.start('cutover');
      await awaitUntil(`the cutover is ${step}`, () => cutover.stderr.includes(step) || !cutover.isRunning);
      await sleep(random() * (step === 'restoring indexes' ? 60 : 300));
      cutover.kill('SIGKILL');
      await cutover.ended;
    }
    const done = await migration.run('cutover', ['--json']);
    expect(done.exitCode, done.stderr).toBe(0);
    expect(await migration.differences()).toEqual([]);
    const names = (await migration.loadLog()).milestones.map(({ name }) => name);
    expect(names.filter((name) => name === 'cutover')).toHaveLength(1);
    expect(names.filter((name) => name === 'verified')).toHaveLength(1);
  });
});
