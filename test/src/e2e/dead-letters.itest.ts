/** Dead letters as an operator meets them, by the real commands, from the load to the cutover. */
import type { Document } from 'mongodb-4-0';
import { expect, it } from 'vitest';
import { awaitUntil } from '../support/await-until.ts';
import { testClient } from '../support/raw.ts';
import { describeWithServer, uniqueName } from '../support/servers.ts';
import { ending, Migration } from './migration.ts';

const SECRET = 'PLANTED-VALUE';

await describeWithServer('dead letters', (servers) => {
  it('are listed, shown, retried and discarded, and the cutover asks about them', async () => {
    const database = uniqueName('letters');
    await using source = await testClient(servers.source.uri);
    await using target = await testClient(servers.target.uri);
    const loud = ['--log-level', 'debug'];
    await using migration = await Migration.create({
      servers,
      databases: [database],
      capture: loud,
      load: [...loud, '--max-dead-letters', '10'],
    });
    const orders = source.client.db(database).collection<Document & { _id: number }>('orders');
    await orders.insertMany(Array.from({ length: 46 }, (_, n) => ({ _id: n, n, text: SECRET })));
    const there = target.client.db(database);
    await there.createCollection('orders', { validator: { n: { $lt: 40 } } });
    const [capture, load] = await migration.startSides();
    const ask = (...words: string[]) => migration.run('dead-letters', words);
    const letters = async (): Promise<{ open: number; letters: { number: number }[] }> =>
      JSON.parse(await migration.must('dead-letters', 'list', '--json'));

    expect(await letters()).toMatchObject({ open: 6 });
    await orders.updateOne({ _id: 40 }, { $set: { n: 1 } });
    await orders.deleteOne({ _id: 41 });
    await awaitUntil('they are closed', async () => (await letters()).open === 4);
    const listed = await migration.must('dead-letters');
    expect(listed).toMatch(new RegExp(`${database}.orders +server-121 +4 +1 +1 +0 +0 +\\d+ `));
    expect(listed).not.toContain(SECRET);
    const numbers = (await letters()).letters.map(({ number }) => String(number));
    const shown = await migration.must('dead-letters', 'show', '--letter', numbers[0]!);
    expect(shown).toContain('"n": {\n    "$numberInt": "42"');
    expect(await ask('show', '--letter', '99')).toMatchObject({ exitCode: 2 });
    expect((await ask('show', '--letter', '99')).stderr).toContain('code: DEAD_LETTER_MISSING');
    const nothing = await ask('retry', '--ns', 'other');
    expect(nothing.stdout, ending(nothing)).toContain('Nothing to do');
    const again = await ask('retry');
    expect(again.stdout, ending(again)).toContain('4 refused again\n  4 by server-121');
    expect(again.exitCode).toBe(3);

    const status = await migration.must('status');
    expect(status).toContain('4 open: 4 by server-121');
    const refused = await migration.run('cutover');
    expect(refused.stderr, ending(refused)).toContain('code: CUTOVER_NOT_READY');
    expect(refused.stderr).toContain('4 open dead letters (4 by server-121)');

    expect((await ask('discard', '--letter', numbers[3]!)).stderr).toContain('give --yes');
    const discarded = await ask('discard', '--letter', numbers[3]!, '--yes', '--reason', 'test data');
    expect(discarded.stdout, ending(discarded)).toContain('1 discarded');
    await orders.deleteOne({ _id: 45 });
    await there.command({ collMod: 'orders', validator: {} });
    const retried = await ask('retry', '--letter', numbers.slice(0, 2).join(','));
    expect(retried.stdout, ending(retried)).toContain('2 written to the target');
    expect(retried.exitCode).toBe(0);

    const explained = await migration.run('verify');
    expect(explained.stdout).toContain('open dead letters explain all of it: 1 documents');
    expect(explained.stdout).toContain(`missing (dead letter ${numbers[2]})`);
    expect(explained.exitCode).toBe(3);
    const done = await migration.run('cutover', ['--accept-dead-letters']);
    expect(done.stdout, ending(done)).toContain('but for 1 documents whose dead letters were accepted');
    expect(done.exitCode).toBe(0);
    const { milestones } = await migration.loadLog();
    expect(milestones.find(({ name }) => name === 'cutover')).toMatchObject({ evidence: { deadLetters: 1 } });
    expect(milestones.find(({ evidence }) => evidence?.action === 'discard')).toMatchObject({
      evidence: { reason: 'test data', by: expect.stringContaining('@') },
    });
    expect((await ask('retry')).stderr).toContain('code: LOAD_CUT_OVER');
    expect(await there.collection('orders').countDocuments()).toBe(43);
    capture.kill('SIGTERM');
    for (const { stdout, stderr } of [await capture.ended, await load.ended]) {
      expect(stdout + stderr).not.toContain(SECRET);
    }
    expect((await migration.run('fsck', ['--deep'])).exitCode).toBe(0);
  });
});
