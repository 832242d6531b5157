/**
 * Who may capture a stream: whoever is at work keeps it, whoever is gone is followed at once, and
 * one that is silent after a while.
 */

import { createLogger, type Logger } from '@waybill/shared/base/logger';
import { openBucket } from '@waybill/shared/bucket/open/open-bucket';
import { readManifest } from '@waybill/shared/manifest/log';
import { milestoneOf } from '@waybill/shared/manifest/state';
import { ManifestWriter } from '@waybill/shared/manifest/writer';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { awaitUntil } from '../support/await-until.ts';
import { type TemporaryBucket, temporaryBucket } from '../support/bucket.ts';
import { caughtUp, connectSource, startCapture } from '../support/capturing.ts';
import { type TestClient, testClient } from '../support/raw.ts';
import { describeWithServer, uniqueName } from '../support/servers.ts';
import { runWaybill, spawnWaybill } from '../support/waybill.ts';

/**
 * Long beside what a capture in this process needs for a commit; the product's own default is
 * longer.
 */
const SILENCE_MS = 6000;
const WAITS = 'the stream has an owner; waiting';

await describeWithServer('the owner of a stream', (servers) => {
  let client: TestClient;
  let folder: TemporaryBucket;
  const database = uniqueName('owner');
  beforeAll(async () => {
    client = await testClient(servers.source.uri);
    folder = await temporaryBucket();
    await client.client.db(database).collection('a').insertOne({ x: 1 });
  });
  afterAll(async () => {
    await client[Symbol.asyncDispose]();
    await folder[Symbol.asyncDispose]();
  });

  function recorder(): { readonly logger: Logger; readonly lines: string[] } {
    const lines: string[] = [];
    const destination = { write: (line: string) => lines.push(line) };
    return { logger: createLogger({ format: 'text', colors: false, destination }), lines };
  }

  it('keeps it while it goes on committing, though it be held up; whoever comes says from whom it would take it', async () => {
    await using source = await connectSource(servers.source.uri);
    await using own = await temporaryBucket();
    const bucket = await openBucket(own.url);
    // Changes are waiting for their commit: no idle position is committed meanwhile.
    const settings = { include: [database], idleCommitMs: 500, commitInterval: 120_000 };
    const owner = startCapture(source, bucket, settings);
    await caughtUp(bucket);
    await client.client.db(database).collection('a').insertOne({ x: 2 });
    const { logger, lines } = recorder();
    const polite = { ...settings, takeOver: false, ownerSilence: SILENCE_MS };
    const newcomer = startCapture(source, bucket, polite, logger);
    await expect(newcomer.ended).rejects.toMatchObject({
      code: 'STREAM_IN_USE',
      exitCode: 4,
      message: expect.stringMatching(
        /^\S+ captures stream default, and goes on committing \(last \d+ s ago\)$/,
      ),
      hint: expect.stringContaining('--take-over'),
    });
    expect(lines.join('')).toMatch(new RegExp(`${WAITS}.* owner=\\S+ secondsSinceCommit=\\d+`));
    expect((await owner.stop()).ended).toBe('stopped');
    expect((await readManifest(bucket, 'default')).epoch).toBe(1);
  });

  it('loses it after its silence where nobody knows what became of it, and at once where it has stopped', async () => {
    await using source = await connectSource(servers.source.uri);
    await using own = await temporaryBucket();
    const bucket = await openBucket(own.url);
    const settings = { include: [database], takeOver: false, ownerSilence: SILENCE_MS };
    await startCapture(source, bucket, { ...settings, until: 'caught-up' }).ended;
    expect(milestoneOf(await readManifest(bucket, 'default'), 'capture-stopped')).toBeDefined();

    const after = recorder();
    await startCapture(source, bucket, { ...settings, until: 'caught-up' }, after.logger).ended;
    expect(after.lines.join('')).toContain('stream goes on');
    expect(after.lines.join('')).not.toContain(WAITS);

    const milestone = {
      name: 'capture-started',
      at: new Date().toISOString(),
      clusterTime: null,
      sequence: null,
    } as const;
    const body = { milestones: [{ ...milestone, evidence: { process: 'another boot|ns|1|1' } }] };
    await ManifestWriter.acquire({ bucket, prefix: 'default', writer: 'elsewhere/1/ab', body });
    const heir = recorder();
    await startCapture(source, bucket, { ...settings, until: 'caught-up' }, heir.logger).ended;
    expect(heir.lines.join('')).toMatch(
      new RegExp(`${WAITS}[\\s\\S]* owner=elsewhere/1/ab[\\s\\S]*has been silent; taking over`),
    );
  });

  it('is followed at once by a supervisor of the same machine when it was killed, by its load not before', async () => {
    const ends = [
      '--source',
      servers.source.uri,
      '--target',
      servers.target.uri,
      '--load',
      `run-${database}`,
    ];
    const args = ['run', ...ends, '--bucket', folder.path, '--include', database];
    await using killed = spawnWaybill(args);
    await awaitUntil('it is at work', () => killed.stderr.includes('load reached'));
    await using second = spawnWaybill(args);
    await awaitUntil('the second waits', () => second.stderr.includes(WAITS));
    expect(killed.isRunning, killed.stderr).toBe(true);
    killed.kill('SIGKILL');
    await awaitUntil('the load of the second goes on', () => second.stderr.includes('load taken over'));
    expect(second.stderr).not.toContain('the owner of the stream has been silent');
    expect(second.stderr.indexOf('stream goes on')).toBeLessThan(second.stderr.indexOf('load taken over'));
    second.kill('SIGTERM');
    expect((await second.ended).exitCode).toBe(0);
  });

  it('need not have begun the stream when its load is started: the load waits, within bounds', async () => {
    await using own = await temporaryBucket();
    const late = uniqueName('late');
    await client.client.db(late).collection('a').insertOne({ x: 1 });
    const load = ['load', '--bucket', own.path, '--target', servers.target.uri, '--load', late];
    await using early = spawnWaybill([...load, '--until', 'caught-up']);
    await awaitUntil('it waits', () => early.stderr.includes('waiting for a capture to begin it'));
    const capture = ['capture', '--source', servers.source.uri, '--bucket', own.path, '--include', late];
    const captured = await runWaybill([...capture, '--until', 'caught-up']);
    expect(captured.exitCode, captured.stderr).toBe(0);
    const { exitCode, stderr } = await early.ended;
    expect(exitCode, stderr).toBe(0);
    const never = await runWaybill([...load, '--stream', 'never', '--wait-for-stream', '1s']);
    expect(never.exitCode).toBe(2);
    expect(never.stderr).toMatch(/waiting for a capture to begin it[\s\S]*STREAM_MISSING/);
  });
});
