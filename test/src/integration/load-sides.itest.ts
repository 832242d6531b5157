/**
 * A load keeps one target for its life, and the target is not its source. Anything else is refused
 * first.
 */
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { RunningServer } from '@waybill/demo/servers/start';
import { buildDocument, int32 } from '@waybill/shared/bson/build';
import type { MilestoneName } from '@waybill/shared/manifest/commit';
import { loadPrefix } from '@waybill/shared/manifest/keys';
import { readManifest } from '@waybill/shared/manifest/log';
import { appendNote } from '@waybill/shared/manifest/note';
import { milestoneOf } from '@waybill/shared/manifest/state';
import { ManifestWriter } from '@waybill/shared/manifest/writer';
import { connect } from '@waybill/shared/mongo/driver/connect';
import { sourceIdentity } from '@waybill/shared/mongo/facts/source-identity';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { temporaryBucket } from '../support/bucket.ts';
import { testClient } from '../support/raw.ts';
import { load } from '../support/run-load.ts';
import { describeWithServer, startServer, uniqueName } from '../support/servers.ts';
import { StreamBuilder } from '../support/stream-builder.ts';
import { type CommandResult, runWaybill } from '../support/waybill.ts';

interface Progress {
  readonly _id: string;
  readonly [name: string]: unknown;
}

await describeWithServer('the sides of a load', (servers) => {
  let elsewhere: RunningServer;
  beforeAll(async () => {
    elsewhere = await startServer();
  });
  afterAll(async () => {
    await elsewhere?.stop();
  });

  /** A stream of `servers.source` with one document, in a bucket and a database of its own. */
  async function setUp(stem: string) {
    const stack = new AsyncDisposableStack();
    const bucket = stack.use(await temporaryBucket());
    await using source = await connect(servers.source.uri, { role: 'source' });
    const { id } = await sourceIdentity(source);
    const stream = await StreamBuilder.create(bucket.url, { source: id });
    const name = uniqueName(stem);
    const documents = [buildDocument([['_id', int32(1)]])];
    await stream.snapshot([{ namespace: `${name}.orders`, documents }]);
    await stream.milestone('caught-up');
    const run = (targetUri: string) =>
      load({ bucketUrl: bucket.url, targetUri, load: name, until: 'caught-up' });
    const command = (command: 'cutover' | 'load' | 'verify', target: string, source = servers.source.uri) =>
      runWaybill([
        ...[command, '--bucket', bucket.path, '--target', target, '--load', name],
        ...(command === 'load' ? [] : ['--source', source]),
        ...(command === 'cutover' ? ['--yes'] : []),
      ]);
    const note = (milestone: MilestoneName) =>
      appendNote(
        stream.bucket,
        loadPrefix('default', name),
        [{ name: milestone, at: new Date().toISOString(), clusterTime: '1:1', sequence: 0 }],
        { writer: 'test' },
      );
    const { path } = bucket;
    return {
      bucket: stream.bucket,
      path,
      name,
      run,
      command,
      note,
      [Symbol.asyncDispose]: () => stack.disposeAsync(),
    };
  }

  async function progressOf(uri: string, load: string): Promise<Progress[]> {
    await using client = await testClient(uri);
    const progress = client.client.db('waybill').collection<Progress>('progress');
    return await progress.find({ _id: { $gte: `${load}/`, $lt: `${load}0` } }).toArray();
  }

  function expectRefused({ exitCode, stderr, stdout }: CommandResult, code: string): void {
    expect({ exitCode, stdout }, stderr).toEqual({ exitCode: 2, stdout: '' });
    expect(stderr).toContain(code);
    expect(stderr).not.toMatch(/\bdrop\b/i);
  }

  it('refuses another target than the one that the load was started with, also when that had been cut over', async () => {
    await using migration = await setUp('bound');
    const { run, command, note } = migration;
    await run(servers.target.uri);
    await expect(run(elsewhere.uri)).rejects.toMatchObject({
      code: 'LOAD_OTHER_TARGET',
      message: expect.stringContaining(`127.0.0.1:${servers.target.port}`),
    });
    expectRefused(await command('verify', elsewhere.uri), 'LOAD_OTHER_TARGET');
    await note('cutover');
    expectRefused(await command('cutover', elsewhere.uri), 'LOAD_OTHER_TARGET');
    expect(await progressOf(elsewhere.uri, migration.name)).toEqual([]);
    const again = await command('cutover', servers.target.uri);
    expect(again.stdout, again.stderr).toContain('had been done before');
  });

  it('gives one of two targets that are started at the same moment under one name', async () => {
    await using migration = await setUp('twice');
    const both = [servers.target.uri, elsewhere.uri];
    const ended = await Promise.allSettled(both.map((uri) => migration.run(uri)));
    const lost = ended.findIndex(({ status }) => status === 'rejected');
    expect(ended.map(({ status }) => status).sort()).toEqual(['fulfilled', 'rejected']);
    expect(ended[lost]).toMatchObject({ reason: { code: 'LOAD_OTHER_TARGET' } });
    expect(await progressOf(both[lost]!, migration.name)).toEqual([]);
  });

  it('binds a log of an earlier version to the target that holds its progress, and to no other', async () => {
    await using migration = await setUp('earlier');
    const { bucket, path, name, run, command } = migration;
    await run(servers.target.uri);
    const prefix = loadPrefix('default', name);
    await rm(join(path, prefix), { recursive: true });
    const log = await ManifestWriter.acquire({ bucket, prefix, writer: 'test' });
    const at = new Date().toISOString();
    await log.commit({ milestones: [{ name: 'load-started', at, clusterTime: null, sequence: null }] });
    await using target = await testClient(servers.target.uri);
    const progress = target.client.db('waybill').collection<Progress>('progress');
    await progress.updateOne({ _id: `${name}/owner` }, { $unset: { bond: 1 } });

    await expect(run(elsewhere.uri)).rejects.toMatchObject({ code: 'LOAD_OTHER_TARGET' });
    expectRefused(await command('cutover', elsewhere.uri), 'LOAD_OTHER_TARGET');
    await run(servers.target.uri);
    const bound = milestoneOf(await readManifest(bucket, prefix), 'target-bound');
    expect(await progress.findOne({ _id: `${name}/owner` })).toMatchObject({ bond: bound?.evidence?.key });
  });

  it('is refused where the target is the source, by whatever name, or source and target are swapped', async () => {
    await using migration = await setUp('swapped');
    const { path, name, run, command } = migration;
    const byName = `mongodb://localhost:${servers.source.port}/?directConnection=true`;
    expectRefused(await command('load', byName), 'TARGET_IS_SOURCE');
    await run(servers.target.uri);
    for (const each of ['verify', 'cutover'] as const) {
      expectRefused(await command(each, byName), 'TARGET_IS_SOURCE');
      expectRefused(await command(each, servers.source.uri, servers.target.uri), 'TARGET_IS_SOURCE');
      expectRefused(await command(each, servers.target.uri, elsewhere.uri), 'SOURCE_NOT_REPLICA_SET');
    }
    const sides = ['--source', servers.source.uri, '--target', byName];
    const both = await runWaybill(['run', '--bucket', `${path}/run`, ...sides, '--include', name]);
    expectRefused(both, 'TARGET_IS_SOURCE');
    await using source = await testClient(servers.source.uri);
    const { databases } = await source.client.db().admin().listDatabases();
    expect(databases.map((database: { name: string }) => database.name)).not.toContain('waybill');
  });

  it('says whose a collection is that stands in its way, and never to drop it', async () => {
    await using migration = await setUp('whose');
    const { path, name, run } = migration;
    await run(servers.target.uri);
    const into = ['load', '--bucket', path, '--target', servers.target.uri, '--load', `${name}-2`];
    const other = await runWaybill(into);
    expectRefused(other, 'TARGET_NOT_EMPTY');
    expect(other.stderr).toContain(`of the load ${name}: go on with that one`);
    await migration.note('cutover');
    await migration.command('cutover', servers.target.uri);
    const used = await runWaybill(into);
    expectRefused(used, 'TARGET_NOT_EMPTY');
    expect(used.stderr).toContain(`of the load ${name}, which a cutover has ended`);
    expect(used.stderr).not.toContain('go on with');
    await using target = await testClient(servers.target.uri);
    const progress = target.client.db('waybill').collection<Progress>('progress');
    await progress.deleteMany({ _id: { $gte: `${name}/`, $lt: `${name}0` } });
    const nobodys = await runWaybill(into);
    expectRefused(nobodys, 'TARGET_NOT_EMPTY');
    expect(nobodys.stderr).toContain('no load made it');
  });

  it('is not known where nobody has started it', async () => {
    await using migration = await setUp('unknown');
    const { path } = migration;
    await migration.run(servers.target.uri);
    const sides = ['--source', servers.source.uri, '--target', servers.target.uri];
    for (const command of [['verify'], ['cutover', '--yes']])
      expectRefused(
        await runWaybill([...command, '--bucket', path, ...sides, '--load', 'nobody']),
        'LOAD_MISSING',
      );
  });
});
