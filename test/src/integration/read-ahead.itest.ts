/**
 * What a load asks of a store far away: of one lane only that lane's bytes, and objects before it
 * needs them. The test checks counts, order and bytes; the times that it prints depend on the
 * machine.
 */

import { randomBytes } from 'node:crypto';
import { runLoad } from '@waybill/load/load';
import { resolveLoadSettings } from '@waybill/load/settings/load-settings';
import { silentLogger } from '@waybill/shared/base/logger';
import { createMetrics } from '@waybill/shared/base/metrics';
import { createLoadStats, type LoadStats } from '@waybill/shared/base/stats';
import { buildDocument, int32, string } from '@waybill/shared/bson/build';
import type { Bucket } from '@waybill/shared/bucket/bucket';
import { openBucket } from '@waybill/shared/bucket/open/open-bucket';
import { ReadAhead } from '@waybill/shared/bucket/read-ahead';
import type { SegmentEntry } from '@waybill/shared/manifest/commit';
import { segmentKey, streamPrefix } from '@waybill/shared/manifest/keys';
import { readCommits } from '@waybill/shared/manifest/log';
import { segmentReads } from '@waybill/shared/segment/read/fetch-segment';
import { readChangeSegment } from '@waybill/shared/segment/read/reader';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { FaultyBucket } from '../support/bucket/faulty-bucket.ts';
import { temporaryBucket } from '../support/bucket.ts';
import { testClient } from '../support/raw.ts';
import { describeWithServer, uniqueName } from '../support/servers.ts';
import { describeWithStores } from '../support/stores/available.ts';
import type { FaultProxy } from '../support/stores/fault-proxy.ts';
import { storeBinary } from '../support/stores/programs.ts';
import { startTestStore, type TestStore } from '../support/stores/test-store.ts';
import { put, StreamBuilder } from '../support/stream-builder.ts';
import { connectTarget } from '../support/target/connect-target.ts';

const PREFIX = streamPrefix('default');

await describeWithStores('one lane of 32', ['s3'], () => {
  const LANES = 32;
  const COMMITS = 3;
  let store: TestStore;
  let url: string;

  beforeAll(async () => {
    store = await startTestStore('s3');
    url = await store.newBucket();
    await using folder = await temporaryBucket();
    const stream = await StreamBuilder.create(folder.url, { lanes: LANES });
    for (let commit = 0; commit < COMMITS; commit++) {
      await stream.changes(
        Array.from({ length: 8000 }, (_, n) => put('shop.orders', order(commit * 8000 + n, 1000))),
      );
    }
    await copy(stream.bucket, await openBucket(url, { store: { endpoint: store.endpoint } }));
  });
  afterAll(() => store[Symbol.asyncDispose]());

  it('brings a thirty-second of the bytes, in one request or two a segment', async () => {
    await using proxy = await store.proxy({ seed: 1 });
    const near = await openBucket(url, { store: { endpoint: store.endpoint } });
    const segments = await segmentsOf(near);
    await near.close();
    const bucket = await openBucket(url, { store: { endpoint: proxy.endpoint } });
    expect(segments).toHaveLength(COMMITS);
    const all = sum(segments.map(({ bytes }) => bytes));
    const shares: number[] = [];
    for (let lane = 0; lane < LANES; lane++) {
      const before = { requests: proxy.requests, bytes: proxy.sentBytes };
      const stop = new AbortController();
      const ahead = new ReadAhead(bucket, { bytes: 16 << 20, signal: stop.signal });
      for (const entry of segments) {
        for (const read of segmentReads(segmentKey(PREFIX, entry.key), entry, [lane])) ahead.expect(read);
      }
      for (const entry of segments) {
        let records = 0;
        const key = segmentKey(PREFIX, entry.key);
        for await (const block of readChangeSegment(ahead, key, entry, { lanes: [lane] })) {
          expect(block.lane).toBe(lane);
          records += block.records.length;
        }
        expect(records).toBe(entry.lanes?.find((run) => run.lane === lane)?.records);
      }
      const bytes = proxy.sentBytes - before.bytes;
      const runs = segments.map((entry) => entry.lanes?.find((run) => run.lane === lane));
      const headers = sum(segments.map(({ headerBytes = 0 }) => headerBytes));
      expect(bytes).toBe(sum(runs.map((run) => run?.length ?? 0)) + headers);
      // The lane that follows the header comes with it.
      const besideHeader = segments.filter(({ headerBytes }, at) => runs[at]?.offset === headerBytes).length;
      expect(proxy.requests - before.requests).toBe(2 * COMMITS - besideHeader);
      shares.push(bytes / all);
    }
    await bucket.close();
    const [least, most] = [Math.min(...shares), Math.max(...shares)];
    console.log(
      `${all} bytes; of them for one lane 1/${(1 / most).toFixed(1)} to 1/${(1 / least).toFixed(1)}`,
    );
    expect(most).toBeLessThan(1.25 / LANES);
  });
});

await describeWithServer(
  'a load far behind',
  (servers) => {
    const COMMITS = 300;
    const database = uniqueName('ahead');
    const namespace = `${database}.orders`;
    const expected = new Map<number, Buffer>();
    let store: TestStore;
    let url: string;

    beforeAll(async () => {
      store = await startTestStore('s3');
      url = await store.newBucket();
      await using folder = await temporaryBucket();
      const stream = await StreamBuilder.create(folder.url);
      const documents = Array.from({ length: 2000 }, (_, id) => order(id, 1000));
      for (const [id, document] of documents.entries()) expected.set(id, document);
      await stream.snapshot([{ namespace, documents, segmentDocuments: 40 }]);
      for (let commit = 0; commit < COMMITS; commit++) {
        const changes = Array.from({ length: 10 }, (_, n) => order((commit * 7 + n * 191) % 2200, 1000));
        for (const [n, document] of changes.entries()) expected.set((commit * 7 + n * 191) % 2200, document);
        await stream.changes(changes.map((document) => put(namespace, document, 'update')));
      }
      await stream.milestone('caught-up');
      await copy(stream.bucket, await openBucket(url, { store: { endpoint: store.endpoint } }));
    });
    afterAll(() => store[Symbol.asyncDispose]());

    async function measure(bucket: Bucket, readAheadBytes: number | undefined): Promise<Watch> {
      await using client = await testClient(servers.target.uri);
      for (const name of ['waybill', database]) await client.client.db(name).dropDatabase();
      await using target = await connectTarget(servers.target.uri);
      const stats = createLoadStats();
      const watch = new Watch(bucket, await segmentsOf(bucket), stats);
      // A new load for each run: the target is empty again, and the last load's progress is gone.
      const load = uniqueName('load');
      const bound = readAheadBytes && { readAheadBytes };
      const settings = resolveLoadSettings({ load, until: 'caught-up', ...bound });
      const result = await runLoad(settings, {
        bucket: watch.bucket,
        target,
        logger: silentLogger,
        metrics: createMetrics(),
        stats,
        signal: new AbortController().signal,
      });
      watch.ms = performance.now() - watch.startedAt;
      expect(result).toMatchObject({ outcome: 'caught-up', sequence: COMMITS * 10 });
      const found: string[] = [];
      for await (const document of client.read(database, 'orders')) found.push(document.toString('hex'));
      expect(found.sort()).toEqual([...expected.values()].map((one) => one.toString('hex')).sort());
      return watch;
    }

    async function measureFarAway(readAheadBytes?: number): Promise<{ watch: Watch; proxy: FaultProxy }> {
      const proxy = await store.proxy({ seed: 7, rates: { latency: 1 }, latencyMs: 80 });
      const bucket = await openBucket(url, { store: { endpoint: proxy.endpoint } });
      try {
        return { watch: await measure(bucket, readAheadBytes), proxy };
      } finally {
        await bucket.close();
        await proxy.close();
      }
    }

    it('waits for many answers at once, asks in order, and for each object once', {
      timeout: 300_000,
    }, async () => {
      const { watch, proxy } = await measureFarAway();
      const waited = (watch.gets * 40) / 1000;
      console.log(
        `${watch.gets} gets, 40 ms each: ${waited.toFixed(1)} s one after the other, ${(watch.ms / 1000).toFixed(1)} s as it was; most at once ${watch.most}, of all requests ${proxy.mostAtOnce}`,
      );
      expect(watch.asked).toEqual([...watch.segments.keys()]);
      expect(watch.most).toBe(16);
      // Commits and segments.
      expect(proxy.mostAtOnce).toBeLessThanOrEqual(2 * 16 + 2);
      // Identity, progress and looks at the head beside one get for each object.
      expect(watch.gets).toBeLessThan(watch.segments.size + COMMITS + 60);
    });

    it('holds what its bound allows', { timeout: 300_000 }, async () => {
      const bound = 100_000;
      const { watch } = await measureFarAway(bound);
      const largest = Math.max(...watch.segments.values());
      console.log(
        `at most ${watch.held} bytes, bound ${bound}, largest ${largest}, most at once ${watch.most}`,
      );
      // Eight small segments of the snapshot are in hand at once, instead of two large ones.
      expect(watch.held).toBeLessThanOrEqual(bound + 8 * largest);
      expect(watch.held).toBeGreaterThan(bound);
      expect(watch.asked).toEqual([...watch.segments.keys()]);
    });

    it('does the same where the store is near', { timeout: 300_000 }, async () => {
      const bucket = await openBucket(url, { store: { endpoint: store.endpoint } });
      const watch = await measure(bucket, undefined);
      await bucket.close();
      console.log(`${(watch.ms / 1000).toFixed(1)} s; most at once ${watch.most}`);
      expect(watch.asked).toEqual([...watch.segments.keys()]);
    });
  },
  { needs: [() => storeBinary('s3')] },
);

/** A bucket that notes which segments are asked for, in which order, and what is held of them. */
class Watch {
  readonly bucket: Bucket;
  readonly startedAt = performance.now();
  ms = 0;
  gets = 0;
  readonly asked: string[] = [];
  most = 0;
  /** Bytes of segments asked for and not read to their end, at most. */
  held = 0;
  /** Key and size, in the order of the log. */
  readonly segments: ReadonlyMap<string, number>;
  #underWay = 0;
  #bytes = 0;

  constructor(inner: Bucket, entries: readonly SegmentEntry[], stats: LoadStats) {
    this.segments = new Map(entries.map(({ key, bytes }) => [segmentKey(PREFIX, key), bytes]));
    this.bucket = new FaultyBucket(inner, ({ operation, key, moment }) => {
      if (operation !== 'get') return;
      if (moment === 'before') this.gets++;
      const bytes = this.segments.get(key);
      if (bytes === undefined) return;
      if (moment === 'after') {
        this.#underWay--;
        return;
      }
      this.asked.push(key);
      this.#bytes += bytes;
      this.most = Math.max(this.most, ++this.#underWay);
      this.held = Math.max(this.held, this.#bytes - stats.bucketBytes);
    });
  }
}

/** About half of it is noise, as much as in data that is used. */
function order(id: number, bytes: number): Buffer {
  const text = randomBytes(bytes / 2).toString('hex');
  return buildDocument([
    ['_id', int32(id)],
    ['text', string(text)],
  ]);
}

async function segmentsOf(bucket: Bucket): Promise<SegmentEntry[]> {
  const log = await Array.fromAsync(readCommits(bucket, PREFIX));
  return log.flatMap(({ commit }) => commit.segments ?? []);
}

async function copy(from: Bucket, to: Bucket): Promise<void> {
  for await (const { key } of from.list('')) await to.put(key, await from.get(key));
  await to.close();
}

const sum = (numbers: readonly number[]): number => numbers.reduce((total, one) => total + one, 0);
