/**
 * The command migrates a part of a stream; verify, status and cutover keep to the load's filter.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { expect, it } from 'vitest';
import { AT_WORK, Migration, said } from '../e2e/migration.ts';
import { awaitUntil } from '../support/await-until.ts';
import { testClient } from '../support/raw.ts';
import { describeWithServer, uniqueName } from '../support/servers.ts';

await describeWithServer('a part of a stream, migrated', (servers) => {
  it('is verified, shown and cut over by itself, while the rest goes on', async () => {
    const database = uniqueName('part');
    await using source = await testClient(servers.source.uri);
    await using target = await testClient(servers.target.uri);
    const [db, there] = [source.client.db(database), target.client.db(database)];
    for (const name of ['orders', 'users', 'logs']) {
      await db.collection(name).insertMany([1, 2, 3].map((n) => ({ _id: n as never, n })));
      await db.collection(name).createIndex({ n: 1 }, { unique: true });
    }
    // Somebody else's collection, under the name of one that the load doesn't take.
    await there.collection('logs').insertOne({ theirs: true });
    await using migration = await Migration.create({ servers, databases: [database] });
    const capture = migration.start('capture');
    await migration.reached('caught-up', capture);
    const filter = ['--include', `${database}.*`, '--exclude', `${database}.logs`];
    const started = migration.start('load', ...filter);
    await said(started, AT_WORK);
    await migration.loadCaughtUp(started);
    started.kill('SIGKILL');
    await started.ended;
    const refused = await migration.run('load', ['--include', `${database}.orders`]);
    expect(refused.exitCode, refused.stderr).toBe(2);
    expect(refused.stderr).toMatch(/LOAD_OPTIONS_CHANGED/);

    const loading = migration.start('load');
    await said(loading, AT_WORK);
    let writing = true;
    const writer = (async () => {
      for (let n = 0; writing; n++) {
        await db.collection('logs').insertOne({ n: 1000 + n });
        await sleep(20);
      }
    })();
    try {
      await db.collection('orders').updateOne({ n: 2 }, { $set: { at: new Date(0) } });
      await migration.captured();
      const verified = await migration.run('verify', ['--json']);
      expect(verified.exitCode, verified.stdout).toBe(0);
      const { collections, structure } = JSON.parse(verified.stdout);
      expect(collections.map(({ namespace }: { namespace: string }) => namespace)).toEqual([
        `${database}.orders`,
        `${database}.users`,
      ]);
      expect(structure.filter(({ heldBack }: { heldBack: boolean }) => !heldBack)).toEqual([]);

      const status = JSON.parse(await migration.must('status', '--json'));
      expect(status.load).toMatchObject({
        include: [database],
        exclude: [`${database}.logs`],
        snapshotSegments: 2,
        snapshotSegmentsTotal: 2,
      });
      expect(await migration.must('status')).toContain(
        `takes --include ${database} --exclude ${database}.logs`,
      );

      // Writes to what the load doesn't take don't prevent its cutover.
      const done = await migration.run('cutover', ['--json']);
      expect(done.exitCode, done.stderr).toBe(0);
      expect(JSON.parse(done.stdout).restored.map(({ index }: { index: string }) => index)).toEqual([
        'n_1',
        'n_1',
      ]);
    } finally {
      writing = false;
      await writer;
    }
    expect(await there.collection('users').indexes()).toContainEqual(
      expect.objectContaining({ name: 'n_1', unique: true }),
    );
    expect(await there.collection('logs').countDocuments()).toBe(1);
    expect((await loading.ended).exitCode).toBe(0);
  });

  it('has the results of $out where the names that it uses are included', async () => {
    const database = uniqueName('part_out');
    await using source = await testClient(servers.source.uri);
    await using target = await testClient(servers.target.uri);
    const [db, there] = [source.client.db(database), target.client.db(database)];
    const orders = db.collection<{ _id: number }>('orders');
    await orders.insertMany([1, 2, 3].map((_id) => ({ _id })));
    await using migration = await Migration.create({
      servers,
      databases: [database],
      // The load may start before the first result is there.
      load: ['--allow-drop', '--allow-empty', '--include', `${database}.report,${database}.tmp.agg_out.*`],
    });
    const capture = migration.start('capture');
    await migration.reached('caught-up', capture);
    const loading = migration.start('load');
    for (const _id of [4, 5]) {
      await orders.insertOne({ _id });
      await orders.aggregate([{ $out: 'report' }]).toArray();
    }
    await awaitUntil('the second result is on the target', async () => {
      if (!loading.isRunning) throw new Error(`the load ended: ${(await loading.ended).stderr}`);
      return (await there.collection('report').countDocuments()) === 5;
    });
    const names = (await there.listCollections({}, { nameOnly: true }).toArray()).map(({ name }) => name);
    expect(names).toEqual(['report']);
    const verified = await migration.run('verify', ['--json']);
    expect(verified.exitCode, verified.stdout).toBe(0);
  });

  it('is cut over only when nobody writes to it any more', async () => {
    const database = uniqueName('part_written');
    await using source = await testClient(servers.source.uri);
    const db = source.client.db(database);
    await db.collection('orders').insertOne({ n: 1 });
    await db.collection('logs').insertOne({ n: 1 });
    await using migration = await Migration.create({
      servers,
      databases: [database],
      load: ['--include', `${database}.orders`],
    });
    const capture = migration.start('capture');
    await migration.reached('caught-up', capture);
    const loading = migration.start('load');
    await said(loading, AT_WORK);
    const cutover = migration.start('cutover');
    let writing = true;
    const writer = (async () => {
      while (writing) {
        await db.collection('orders').insertOne({ at: new Date() });
        await sleep(20);
      }
    })();
    const { exitCode, stderr } = await cutover.ended;
    writing = false;
    await writer;
    expect(exitCode, stderr).toBe(3);
    expect(stderr).toMatch(/written to after its writes had stopped|source and target differ/);
    expect((await migration.loadLog()).milestones.map(({ name }) => name)).not.toContain('cutover');
  });
});
