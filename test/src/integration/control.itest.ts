/** `waybill control`: what an operator tells a load that runs elsewhere, or starts later. */
import { tellLoad } from '@waybill/load/rate/tell-load';
import { int32 } from '@waybill/shared/bson/build';
import { expect } from 'vitest';
import { awaitUntil } from '../support/await-until.ts';
import { itLoadsDocuments, order } from '../support/load-documents.ts';
import { describeWithServer } from '../support/servers.ts';
import { runWaybill, spawnWaybill } from '../support/waybill.ts';

const documents = Array.from({ length: 3000 }, (_, n) => order(int32(n), n));
const RATE = { documents: 7000, bytes: null };

await describeWithServer('control of a load', (servers) => {
  const it = itLoadsDocuments(() => servers.target.uri, 'control')
    .extend('options', ({ bucket }) => ['--bucket', bucket.path])
    .extend('control', ({ options }) => async (...more: readonly string[]) => {
      const { stdout, stderr, exitCode } = await runWaybill(['control', ...options, '--json', ...more]);
      expect([stderr, exitCode]).toEqual(['', 0]);
      return JSON.parse(stdout) as Record<string, unknown>;
    });

  it('reaches a running load, and the status shows it', async ({
    client: _,
    orders,
    options,
    control,
    stream,
    expectStored,
    stored,
  }) => {
    await stream.snapshot([{ namespace: orders, documents, segmentDocuments: 250 }]);
    const target = ['--target', servers.target.uri];
    await using loading = spawnWaybill(['load', ...options, ...target, '--max-write-rate', '50/s']);
    await awaitUntil('the first batch is there', async () => (await stored()).size > 0);

    expect(await control('--pause')).toMatchObject({
      before: { maxWriteRate: 'default', paused: false },
      now: { maxWriteRate: 'default', paused: true },
      heard: true,
    });
    // The load tells its pace when it confirms that it owns the target.
    const shown = await awaitUntil('the load has told its pace', async () => {
      const { stdout } = await runWaybill(['status', ...options, ...target, '--json']);
      const { load } = JSON.parse(stdout) as { load: Record<string, unknown> };
      return load.pace && load;
    });
    expect(shown).toMatchObject({
      control: { maxWriteRate: 'default', paused: true, obeyed: true },
      pace: { maxWriteRate: '50/s', atOnceMost: 6, pushBacks: 0 },
    });
    expect((await runWaybill(['status', ...options, ...target])).stdout).toContain('by control: paused');

    expect(await control('--resume', '--max-write-rate', 'none')).toMatchObject({
      before: { maxWriteRate: 'default', paused: true },
      now: { maxWriteRate: 'none', paused: false },
      heard: true,
    });
    await awaitUntil('all is there', async () => (await stored()).size === documents.length);
    loading.kill('SIGTERM');
    expect((await loading.ended).exitCode).toBe(0);
    expect(loading.stderr).toContain('the load is paused');
    await expectStored(documents);
    expect(await control()).toMatchObject({ now: { maxWriteRate: 'none', paused: false }, heard: null });
  });

  it('is kept for the next start, and comes before its option', async ({
    bucket,
    orders,
    stream,
    run,
    expectStored,
  }) => {
    const tell = (...words: Parameters<typeof tellLoad>[0]) =>
      tellLoad(words, {
        bucket: stream.bucket,
        stream: 'default',
        load: 'default',
        patienceMs: 0,
        signal: new AbortController().signal,
      });
    await stream.snapshot([{ namespace: orders, documents }], { complete: false });
    await expect(tell({ kind: 'paused' })).rejects.toMatchObject({ code: 'LOAD_MISSING' });
    const stop = new AbortController();
    const first = run({ maxWriteRate: '9000/s', signal: stop.signal });
    await awaitUntil('it has begun', async () => {
      const log = await runWaybill(['list', '--bucket', bucket.path, '--json']);
      return log.stdout.includes('load-started');
    });
    stop.abort();
    expect((await first).outcome).toBe('stopped');

    expect(await tell({ kind: 'rate-set', rate: RATE })).toMatchObject({
      before: { limit: null },
      now: { limit: RATE, isObeyed: false },
      isHeard: false,
    });
    await stream.milestone('snapshot-completed');
    const { stats } = await run({ maxWriteRate: '9000/s', until: 'snapshot-applied' });
    expect(stats.pace.documentsPerSecond).toBe(7000);
    await expectStored(documents);
    expect(await tell()).toMatchObject({ now: { limit: RATE, isObeyed: true }, isHeard: null });

    await tell({ kind: 'rate-set', rate: null });
    const again = await run({ maxWriteRate: '9000/s', until: 'snapshot-applied' });
    expect(again.stats.pace.documentsPerSecond).toBe(9000);
  });

  it('pauses a load across its restarts, and lets it stop', async ({ orders, stream, run, stored }) => {
    await stream.snapshot([{ namespace: orders, documents: documents.slice(0, 1) }]);
    await stream.milestone('caught-up');
    await run();
    const tell = (kind: 'paused' | 'resumed') =>
      tellLoad([{ kind }], {
        bucket: stream.bucket,
        stream: 'default',
        load: 'default',
        patienceMs: 20_000,
        signal: new AbortController().signal,
      });
    await stream.snapshot([{ namespace: `${orders}2`, documents: documents.slice(1, 2) }]);
    const stop = new AbortController();
    const running = run({ until: null, signal: stop.signal });
    expect(await tell('paused')).toMatchObject({ isHeard: true });
    stop.abort();
    expect((await running).outcome).toBe('stopped');
    expect((await stored()).size).toBe(1);
  });
});
