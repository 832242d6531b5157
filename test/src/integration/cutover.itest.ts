import { setTimeout as sleep } from 'node:timers/promises';
import { parseClusterTime } from '@waybill/shared/base/position';
import { openBucket } from '@waybill/shared/bucket/open/open-bucket';
import type { Milestone } from '@waybill/shared/manifest/commit';
import { streamPrefix } from '@waybill/shared/manifest/keys';
import { readManifest } from '@waybill/shared/manifest/log';
import { appendNote } from '@waybill/shared/manifest/note';
import { expect, it } from 'vitest';
import { fillWithHeldBack } from '../e2e/held-back.ts';
import { Migration } from '../e2e/migration.ts';
import { awaitUntil } from '../support/await-until.ts';
import { temporaryBucket } from '../support/bucket.ts';
import { connectSource, startCapture } from '../support/capturing.ts';
import { testClient } from '../support/raw.ts';
import { describeWithServer, startServer, uniqueName } from '../support/servers.ts';
import { spawnWaybill } from '../support/waybill.ts';

async function allMilestones(migration: Migration): Promise<Milestone[]> {
  const logs = [await migration.stream(), await migration.loadLog()];
  return logs
    .flatMap(({ milestones }) => milestones)
    .sort((a, b) => (a.at < b.at ? -1 : a.at > b.at ? 1 : 0));
}

const timeOf = (milestone: Milestone | undefined): bigint =>
  parseClusterTime(milestone?.clusterTime ?? '') ?? -1n;

await describeWithServer('waybill cutover', (servers) => {
  it('names what violates a unique index, and after mending gives everything back and records it in order', async () => {
    const database = uniqueName('cutover');
    await using source = await testClient(servers.source.uri);
    await using target = await testClient(servers.target.uri);
    await fillWithHeldBack(source, database);
    await using migration = await Migration.create({ servers, databases: [database] });
    const [, endedLoad] = await migration.startSides();

    const there = target.client.db(database).collection<{ _id: unknown }>('people');
    await there.insertMany([1, 2, 3].map((n) => ({ _id: `twin ${n}`, email: `person${n}@example.test` })));
    const refused = await migration.run('cutover', ['--json']);
    expect(refused.exitCode, refused.stderr).toBe(3);
    expect(refused.stderr).toMatch(/CUTOVER_NOT_READY/);
    expect(refused.stderr).toMatch(/unique of \S+people: 3 keys stand in more than one document/);
    expect(refused.stderr).not.toMatch(/example\.test/);
    const names = (await allMilestones(migration)).map(({ name }) => name);
    expect(names).toContain('drained');
    expect(names).not.toContain('verified');
    expect(names).not.toContain('cutover');

    // Unique can be had now, but the target still holds what the source has not.
    await there.updateMany({ _id: /^twin/ as never }, [{ $set: { email: '$_id' } }]);
    const differs = await migration.run('cutover', ['--json', '--report', `${migration.folder}-report.json`]);
    expect(differs.exitCode, differs.stderr).toBe(3);
    expect(differs.stderr, 'the error, with what to do').toMatch(
      /VERIFY_DIFFERENT.*"hint":"Look at the report/,
    );
    expect(JSON.parse(differs.stdout)).toMatchObject({
      cutover: false,
      verification: {
        same: false,
        collections: expect.arrayContaining([expect.objectContaining({ extra: 3 })]),
      },
    });

    await there.deleteMany({ _id: /^twin/ as never });
    // The application goes on after all, and unique values change hands: the load must be able to
    // follow.
    const people = source.client.db(database).collection<{ _id: number }>('people');
    for (let n = 0; n < 40; n++) {
      const [one, other] = [n * 2 + 1, n * 2 + 2];
      await people.updateOne({ _id: one }, { $set: { email: `none ${n}` } });
      await people.updateOne({ _id: other }, { $set: { email: `person${one}@example.test` } });
      await people.updateOne({ _id: one }, { $set: { email: `person${other}@example.test` } });
    }
    const done = await migration.run('cutover', ['--json']);
    expect(done.exitCode, done.stderr).toBe(0);
    expect(JSON.parse(done.stdout)).toMatchObject({
      cutover: true,
      alreadyDone: false,
      verification: { same: true },
    });
    expect(await migration.differences()).toEqual([]);

    const milestones = await allMilestones(migration);
    const written = milestones.filter(({ name }) => name === 'writes-stopped');
    const cutover = milestones.find(({ name }) => name === 'cutover');
    const verified = milestones.find(({ name }) => name === 'verified');
    const stopped = written.find(({ clusterTime }) => clusterTime === cutover?.clusterTime);
    expect(stopped).toBeDefined();
    expect(verified?.clusterTime).toBe(cutover?.clusterTime);
    const order = milestones.slice(milestones.indexOf(stopped!)).map(({ name }) => name);
    expect(order.filter((name) => name !== 'collection-completed')).toEqual([
      'writes-stopped',
      'drained',
      'drained',
      'writes-stopped',
      'drained',
      'drained',
      'cutover-started',
      'writes-stopped',
      'drained',
      'verified',
      'cutover',
    ]);
    const drained = milestones.slice(milestones.indexOf(stopped!)).filter(({ name }) => name === 'drained');
    expect(timeOf(drained[0])).toBeGreaterThanOrEqual(timeOf(stopped));
    expect(timeOf(drained.at(-1))).toBeGreaterThanOrEqual(timeOf(written.at(-1)));
    expect(timeOf(written.at(-1))).toBeGreaterThan(timeOf(stopped));

    // From then on nothing of the source reaches the target: the load has ended, and does not start
    // again.
    expect(await endedLoad.ended).toMatchObject({ exitCode: 0 });
    const restarted = await migration.run('load');
    expect(restarted.exitCode).toBe(2);
    expect(restarted.stderr).toMatch(/LOAD_CUT_OVER/);

    const commits = (await migration.loadLog()).seq;
    const again = await migration.run('cutover', ['--report', `${migration.folder}-again.json`]);
    expect(again.exitCode, again.stderr).toBe(0);
    expect(again.stdout).toMatch(/had been done before/);
    // There is nothing to report, and where the recorded cutover's report is.
    expect(again.stderr).toMatch(/--report is not written.*keptInBucket=reports\/.*-cutover-/);
    expect((await migration.loadLog()).seq).toBe(commits);
  });

  it('notices that somebody still writes, and waits in vain for nobody', async () => {
    const database = uniqueName('cutover_refused');
    await using source = await testClient(servers.source.uri);
    await source.client.db(database).collection('notes').insertOne({ text: 'first' });
    await using migration = await Migration.create({ servers, databases: [database] });
    const [capture, load] = await migration.startSides();
    let writing = true;
    const writer = (async () => {
      while (writing) {
        await source.client.db(database).collection('notes').insertOne({ at: new Date() });
        await sleep(30);
      }
    })();
    const written = await migration.run('cutover');
    writing = false;
    await writer;
    expect(written.exitCode, written.stderr).toBe(3);
    expect(written.stderr).toMatch(/written to after its writes had stopped|source and target differ/);
    expect((await migration.loadLog()).milestones.map(({ name }) => name)).not.toContain('cutover');

    load.kill('SIGTERM');
    expect((await load.ended).exitCode).toBe(0);
    const withoutLoad = await migration.run('cutover', ['--wait', '8s']);
    expect(withoutLoad.exitCode, withoutLoad.stderr).toBe(3);
    expect(withoutLoad.stderr).toMatch(/load \S+ has stood still[\s\S]*CUTOVER_NOT_READY[\s\S]*waybill load/);

    capture.kill('SIGKILL');
    await capture.ended;
    const withoutCapture = await migration.run('cutover', ['--wait', '8s']);
    expect(withoutCapture.exitCode, withoutCapture.stderr).toBe(3);
    expect(withoutCapture.stderr).toMatch(
      /nothing new comes from the capture[\s\S]*CUTOVER_NOT_READY[\s\S]*waybill capture/,
    );

    const elsewhere = await spawnWaybill([
      'cutover',
      ...['--source', servers.source.uri, '--target', servers.target.uri],
      ...['--bucket', migration.folder, '--load', 'another', '--yes'],
    ]).ended;
    expect(elsewhere.exitCode, elsewhere.stderr).toBe(2);
    expect(elsewhere.stderr).toMatch(/has no load another/);

    await migration.finish();
    expect(await migration.differences()).toEqual([]);
  });

  it('is not disturbed by what the source deletes by itself', async () => {
    const database = uniqueName('cutover_ttl');
    await using own = await startServer({
      replSet: 'expiring',
      args: ['--setParameter', 'ttlMonitorSleepSecs=1'],
    });
    await using source = await testClient(own.uri);
    const sessions = source.client.db(database).collection('sessions');
    await sessions.createIndex({ at: 1 }, { expireAfterSeconds: 0, name: 'ttl' });
    const from = Date.now();
    const documents = Array.from({ length: 400 }, (_, n) => ({
      _id: n as never,
      at: new Date(from + n * 150),
    }));
    await sessions.insertMany(documents);
    const both = { source: own, target: servers.target };
    await using migration = await Migration.create({ servers: both, databases: [database] });
    await migration.startSides();
    const before = await sessions.countDocuments();
    const done = await migration.run('cutover', ['--json']);
    expect(done.exitCode, done.stderr).toBe(0);
    // It would show nothing if nothing had expired meanwhile.
    expect(await sessions.countDocuments()).toBeLessThan(before);
    expect(before).toBeGreaterThan(0);
  });

  it('makes no index where none are wanted, and does not miss them', async () => {
    const database = uniqueName('cutover_none');
    await using source = await testClient(servers.source.uri);
    await using target = await testClient(servers.target.uri);
    await fillWithHeldBack(source, database);
    await using migration = await Migration.create({ servers, databases: [database] });
    await migration.startSides('--indexes', 'none');
    await source.client
      .db(database)
      .collection('people')
      .createIndex({ later: 1 }, { unique: true, sparse: true });
    const verified = await migration.run('verify', ['--json']);
    expect(verified.exitCode, verified.stdout).toBe(0);
    const done = await migration.run('cutover', ['--json']);
    expect(done.exitCode, done.stderr).toBe(0);
    const { restored, verification } = JSON.parse(done.stdout);
    const note = 'the load was given --indexes none';
    const skipped = restored.filter(({ index }: { index: string }) => index !== '');
    expect(skipped).toHaveLength(7);
    for (const report of skipped) expect(report).toMatchObject({ outcome: 'skipped', note });
    expect(verification.same).toBe(true);
    const standing = await target.client.db(database).collection('people').indexes();
    expect(standing.map(({ name }) => name)).toEqual(['_id_']);
  });

  it('can note something in the log of a busy capture', async () => {
    const database = uniqueName('noted');
    await using source = await connectSource(servers.source.uri);
    await using client = await testClient(servers.source.uri);
    await using folder = await temporaryBucket();
    const bucket = await openBucket(folder.url);
    const notes = client.client.db(database).collection('notes');
    await notes.insertOne({ text: 'first' });
    const capture = startCapture(source, bucket, { include: [database], commitInterval: 10 });
    const prefix = streamPrefix('default');
    await awaitUntil('the capture has caught up', async () =>
      (await readManifest(bucket, prefix)).milestones.some(({ name }) => name === 'caught-up'),
    );
    let writing = true;
    const writer = (async () => {
      while (writing) await notes.insertOne({ text: 'more' });
    })();
    const noted: number[] = [];
    for (let n = 0; n < 30; n++) {
      const milestone: Milestone = {
        name: 'writes-stopped',
        at: new Date().toISOString(),
        clusterTime: `${n + 1}:1`,
        sequence: null,
        evidence: { note: n },
      };
      noted.push((await appendNote(bucket, prefix, [milestone], { writer: 'operator' })).seq);
    }
    writing = false;
    await writer;
    const total = await notes.countDocuments();
    await awaitUntil('all is captured', () => capture.stats.changes >= total - 1);
    await capture.stop();
    // Reading checks the chain of commits.
    const state = await readManifest(bucket, prefix);
    expect(state.milestones.filter(({ evidence }) => evidence?.note !== undefined)).toHaveLength(30);
    expect(new Set(noted).size).toBe(30);
    expect(state.lastSequence).toBe(total - 1);
    expect(state.epoch).toBe(1);
    await bucket.close();
  });
});
