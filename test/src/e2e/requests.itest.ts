/**
 * Counts the requests that a cloud bills, at default settings. Following a stream lists nothing, an
 * idle stream asks seldom, and a stream in use asks for each commit, not for each change. The
 * counts of docs/costs.md come from a longer run, with WAYBILL_TEST_SECONDS.
 */

import { setTimeout as sleep } from 'node:timers/promises';
import { runLoad } from '@waybill/load/load';
import { resolveLoadSettings } from '@waybill/load/settings/load-settings';
import { silentLogger } from '@waybill/shared/base/logger';
import { createMetrics } from '@waybill/shared/base/metrics';
import { createLoadStats } from '@waybill/shared/base/stats';
import type { Bucket } from '@waybill/shared/bucket/bucket';
import { openBucket } from '@waybill/shared/bucket/open/open-bucket';
import { expect, it } from 'vitest';
import { awaitUntil } from '../support/await-until.ts';
import { FaultyBucket } from '../support/bucket/faulty-bucket.ts';
import { temporaryBucket } from '../support/bucket.ts';
import { connectSource, startCapture } from '../support/capturing.ts';
import { testClient } from '../support/raw.ts';
import { describeWithServer, uniqueName } from '../support/servers.ts';
import { connectTarget } from '../support/target/connect-target.ts';

const SECONDS = Number(process.env.WAYBILL_TEST_SECONDS ?? 12);
/** After this much silence, a load's pauses have reached their bound of two seconds. */
const QUIET_MS = 45_000;
const EVENTS_A_SECOND = 2000;
const HOUR = 3600;

/** Requests that a store bills as writes and as reads; deleting is free. */
interface Counts {
  put: number;
  get: number;
}

await describeWithServer('requests', (servers) => {
  it('of a stream in use and of an idle one', { timeout: 600_000 }, async () => {
    const database = uniqueName('requests');
    await using folder = await temporaryBucket();
    await using writer = await testClient(servers.source.uri);
    await using source = await connectSource(servers.source.uri);
    await using target = await connectTarget(servers.target.uri);
    const collection = writer.client.db(database).collection('c');
    await collection.insertOne({ n: -1 });

    const captured = counted(await openBucket(folder.url));
    const loaded = counted(await openBucket(folder.url));
    const capture = startCapture(source, captured.bucket, {
      include: [`${database}.*`],
      commitInterval: 1000,
      maxAwaitMs: 250,
    });
    await awaitUntil('the capture has caught up', () => capture.stats.phase === 'changes');
    const stop = new AbortController();
    const stats = createLoadStats();
    const load = runLoad(resolveLoadSettings({ load: 'requests' }), {
      bucket: loaded.bucket,
      target,
      logger: silentLogger,
      metrics: createMetrics(),
      stats,
      signal: stop.signal,
    });
    await awaitUntil('the load applies changes', () => stats.phase === 'changes');

    const measured: Record<string, Counts> = {};
    const measure = async (what: string): Promise<void> => {
      captured.take();
      loaded.take();
      await sleep(SECONDS * 1000);
      measured[`capture, ${what}`] = captured.take();
      measured[`load, ${what}`] = loaded.take();
    };
    const writing = write(collection, (SECONDS + 2) * 1000);
    await sleep(2000);
    await measure('busy');
    const written = await writing;
    await awaitUntil('all is applied', () => stats.sequence === written, { timeoutMs: 30_000 });
    await sleep(QUIET_MS);
    await measure('idle');

    await capture.stop();
    stop.abort();
    await load;
    for (const name of ['requests', database]) await writer.client.db(name).dropDatabase();

    for (const [what, { put, get }] of Object.entries(measured)) {
      console.log(
        `${what}: ${hourly(put)} writes, ${hourly(get)} reads an hour (${put} and ${get} in ${SECONDS} s)`,
      );
    }
    const { 'capture, busy': busyCapture, 'load, busy': busyLoad } = measured;
    const { 'capture, idle': idleCapture, 'load, idle': idleLoad } = measured;
    // A segment and a commit a second; now and then a checkpoint.
    expect(busyCapture?.put).toBeLessThanOrEqual(2 * SECONDS + 4);
    // A load looks at the stream about five times a second, at its own log once, and reads each
    // commit.
    expect(busyLoad?.get).toBeLessThanOrEqual(10 * SECONDS);
    expect(busyLoad?.put).toBe(0);
    // A position every ten seconds.
    expect(idleCapture?.put).toBeLessThanOrEqual(SECONDS / 10 + 2);
    expect(idleCapture?.get).toBeLessThanOrEqual(SECONDS + 2);
    expect(idleLoad?.get).toBeLessThanOrEqual(2 * SECONDS);
    expect(idleLoad?.put).toBe(0);
  });
});

const hourly = (count: number): number => Math.round((count * HOUR) / SECONDS);

function counted(inner: Bucket): { readonly bucket: Bucket; take(): Counts } {
  let counts: Counts = { put: 0, get: 0 };
  const bucket = new FaultyBucket(inner, ({ operation, moment }) => {
    if (moment !== 'before' || operation === 'delete') return;
    counts[operation === 'put' ? 'put' : 'get']++;
  });
  // It stands for a store that bills each read.
  Object.defineProperty(bucket, 'looksAreFree', { value: false });
  // Following a stream makes no lists. A list bills as a write.
  bucket.list = (prefix, options) => {
    counts.put++;
    return inner.list(prefix, options);
  };
  return {
    bucket,
    take: () => {
      const taken = counts;
      counts = { put: 0, get: 0 };
      return taken;
    },
  };
}

interface Insertable {
  insertMany(documents: { n: number }[]): Promise<unknown>;
}

/** Returns how many changes it made. */
async function write(collection: Insertable, forMs: number): Promise<number> {
  const startedAt = performance.now();
  let written = 0;
  for (;;) {
    const elapsed = performance.now() - startedAt;
    if (elapsed > forMs) return written;
    const due = Math.floor((elapsed / 1000) * EVENTS_A_SECOND) - written;
    if (due > 0) await collection.insertMany(Array.from({ length: due }, (_, i) => ({ n: written + i })));
    written += Math.max(due, 0);
    await sleep(50);
  }
}
