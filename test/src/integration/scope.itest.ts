/**
 * No success about nothing: misspelt names, and what is left out. With the real command, as its
 * user sees it.
 */

import { openBucket } from '@waybill/shared/bucket/open/open-bucket';
import { readManifest } from '@waybill/shared/manifest/log';
import { milestoneOf } from '@waybill/shared/manifest/state';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { awaitUntil } from '../support/await-until.ts';
import { type TemporaryBucket, temporaryBucket } from '../support/bucket.ts';
import { type TestClient, testClient } from '../support/raw.ts';
import { describeWithServer, uniqueName } from '../support/servers.ts';
import { type CommandResult, runWaybill, spawnWaybill } from '../support/waybill.ts';

await describeWithServer('what a command takes', (servers) => {
  const shop = uniqueName('shop');
  let bucket: TemporaryBucket;
  let source: TestClient;

  beforeAll(async () => {
    bucket = await temporaryBucket();
    source = await testClient(servers.source.uri);
    for (const name of ['orders', 'customers', 'system.js'])
      await source.client.db(shop).collection<{ _id: string }>(name).insertOne({ _id: 'one' });
  });
  afterAll(async () => {
    await source[Symbol.asyncDispose]();
    await bucket[Symbol.asyncDispose]();
  });

  const waybill = (command: string, ...more: readonly string[]): Promise<CommandResult> => {
    const ends = { source: ['--source', servers.source.uri], target: ['--target', servers.target.uri] };
    const both = ['verify', 'cutover', 'run'].includes(command);
    return runWaybill([
      command,
      '--bucket',
      bucket.path,
      ...(both || command === 'capture' ? ends.source : []),
      ...(both || command === 'load' ? ends.target : []),
      ...more,
    ]);
  };
  const capture = (...more: readonly string[]) => waybill('capture', '--until', 'caught-up', ...more);

  it('refuses a new stream with a pattern that names nothing, says what may be meant, and begins nothing', async () => {
    const [typo, collection, letters, all] = await Promise.all([
      capture('--include', `${shop},x${shop}`),
      capture('--include', `${shop}.order`),
      capture('--include', shop.toUpperCase()),
      capture('--include', shop, '--exclude', shop),
    ]);
    for (const result of [typo, collection, letters, all]) {
      expect(result.exitCode, result.stderr).toBe(2);
      expect(result.stderr).toContain('CONFIG_PATTERN_UNMATCHED');
    }
    expect(typo.stderr).toMatch(new RegExp(`names nothing that the source has: x${shop}$`, 'm'));
    expect(typo.stderr).toContain(`Did you mean ${shop}?`);
    expect(collection.stderr).toContain(`Did you mean ${shop}.orders?`);
    expect(letters.stderr).toContain(`Did you mean ${shop}?`);
    expect((await waybill('list')).stdout).toContain('no stream in');
  });

  it('says what it takes and what it leaves out, and warns when a pattern comes to name nothing', async () => {
    await source.client.db(shop).collection('late').insertOne({ x: 1 });
    await using running = spawnWaybill([
      ...['capture', '--source', servers.source.uri, '--bucket', bucket.path, '--stream', 'main'],
      ...['--include', `${shop}.orders,${shop}.late`, '--exclude', `${shop}.ordres`],
    ]);
    await awaitUntil('it has caught up', () => running.stderr.includes('milestone=caught-up'));
    expect(running.stderr).toMatch(/scope .*collections=2 views=0 .*users, roles and settings/);
    expect(running.stderr).toContain(`${shop}.system.js`);
    expect(running.stderr).toContain(`${shop}.customers`);
    expect(running.stderr).toMatch(/--exclude names nothing that the source has .*suggestion=\S+\.orders/);
    await source.client.db(shop).collection('late').drop();
    await awaitUntil('it says so', () =>
      running.stderr.includes('--include names nothing that the stream has now'),
    );
    running.kill('SIGTERM');
    expect((await running.ended).exitCode).toBe(0);
  });

  it('does not begin a second copy of a source under a misspelt name', async () => {
    const typo = await capture('--include', shop, '--stream', 'mian');
    expect(typo.exitCode, typo.stderr).toBe(2);
    expect(typo.stderr).toMatch(/STREAM_BESIDE_OTHERS[\s\S]*Did you mean --stream main\?/);
    const meant = await capture('--include', shop, '--stream', 'second', '--new-stream');
    expect(meant.exitCode, meant.stderr).toBe(0);
  });

  it('names what there is for a stream or load that is not there, and lists both', async () => {
    const typo = await waybill('load', '--stream', 'secnod', '--wait-for-stream', '0');
    expect(typo.exitCode, typo.stderr).toBe(2);
    expect(typo.stderr).toMatch(
      /STREAM_MISSING[\s\S]*Did you mean --stream second\? The bucket has: main, second\./,
    );

    const misspelt = await waybill('load', '--stream', 'second', '--include', `${shop}.order`);
    expect(misspelt.exitCode, misspelt.stderr).toBe(2);
    expect(misspelt.stderr).toContain(`Did you mean ${shop}.orders?`);

    const loaded = await waybill('load', '--stream', 'second', '--load', 'eu', '--until', 'caught-up');
    expect(loaded.exitCode, loaded.stderr).toBe(0);
    for (const command of ['status', 'verify', 'cutover']) {
      const yes = command === 'cutover' ? ['--yes'] : [];
      const unknown = await waybill(command, '--stream', 'second', '--load', 'ue', ...yes);
      expect(unknown.exitCode, `${command}: ${unknown.stderr}`).toBe(2);
      expect(unknown.stderr).toMatch(/LOAD_MISSING[\s\S]*Did you mean --load eu\? The stream has: eu\./);
    }

    const { streams } = JSON.parse((await waybill('list', '--json')).stdout) as { streams: unknown[] };
    expect(streams).toMatchObject([
      { stream: 'main', state: 'changes', loads: [] },
      {
        stream: 'second',
        takes: `--include ${shop}`,
        loads: [
          { load: 'eu', state: 'changes', takes: null, target: expect.stringMatching(/127|localhost/) },
        ],
      },
    ]);
    expect((await waybill('list')).stdout).toMatch(/second.*replicaSet.*changes.*eu.*changes.*caught-up/);
  });

  it('prints what was compared and what was not', async () => {
    const same = await waybill('verify', '--stream', 'second', '--load', 'eu');
    expect(same.exitCode, same.stderr).toBe(0);
    expect(same.stdout).toContain(`compared: 2 collections and 0 views of --include ${shop}`);
    expect(same.stdout).toMatch(new RegExp(`left out: users, roles and settings.*${shop}\\.system\\.js`));
  });
});

await describeWithServer('nothing to compare', (servers) => {
  it('is never the same, unless the stream was begun like that or somebody says so', async () => {
    const nothing = uniqueName('nothing');
    await using bucket = await temporaryBucket();
    const ends = ['--source', servers.source.uri, '--target', servers.target.uri, '--bucket', bucket.path];
    const run = (command: string, ...more: readonly string[]) => runWaybill([command, ...ends, ...more]);
    await using source = await testClient(servers.source.uri);
    await source.client.db(nothing).collection('gone').insertOne({ x: 1 });
    const first = await run('run', '--include', nothing, '--until', 'caught-up');
    expect(first.exitCode, first.stderr).toBe(0);
    await source.client.db(nothing).dropDatabase();
    await using running = spawnWaybill(['run', ...ends, '--include', nothing, '--allow-drop']);
    await using target = await testClient(servers.target.uri);
    await awaitUntil('it is gone', async () => (await target.client.db(nothing).collections()).length === 0);

    const compared = await run('verify');
    expect(compared.exitCode, compared.stdout).toBe(3);
    expect(compared.stderr).toContain('VERIFY_NOTHING_COMPARED');
    expect(compared.stdout).toContain('Nothing was compared');
    const refused = await run('cutover', '--yes');
    expect(refused.exitCode, refused.stderr).toBe(3);
    expect(refused.stderr).toContain('VERIFY_NOTHING_COMPARED');
    const meant = await run('cutover', '--yes', '--allow-empty');
    expect(meant.exitCode, meant.stderr).toBe(0);
    expect(meant.stdout).toContain('Nothing was compared');
    running.kill('SIGTERM');
    await running.ended;
    const store = await openBucket(bucket.url);
    const verified = milestoneOf(await readManifest(store, 'default/loads/default'), 'verified');
    expect(verified?.evidence).toMatchObject({ collections: 0, allowEmpty: true });
  });
});
