/**
 * `waybill fsck` and `waybill gc` on object stores, also over a connection that breaks and past a
 * cache that is behind.
 */

import type { FsckReport } from '@waybill/audit/fsck/fsck';
import type { GcReport } from '@waybill/audit/gc/gc';
import type { RunningServer } from '@waybill/demo/servers/start';
import { openBucket } from '@waybill/shared/bucket/open/open-bucket';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { testClient } from '../support/raw.ts';
import { startServer, uniqueName } from '../support/servers.ts';
import { describeWithStores } from '../support/stores/available.ts';
import { startTestStore, type TestStore } from '../support/stores/test-store.ts';
import { runWaybill } from '../support/waybill.ts';
import { testSeed } from '../support/workload.ts';

const RATES = {
  latency: 0.05,
  'reset-in-answer': 0.02,
  truncated: 0.02,
  'error-500': 0.02,
  'stale-missing': 0.1,
  'stale-list': 0.1,
} as const;

for (const kind of ['s3', 'gcs'] as const) {
  await describeWithStores(`a stream in ${kind}`, [kind], () => {
    const database = uniqueName('fsck');
    let server: RunningServer;
    let store: TestStore;
    let url: string;

    const run = (command: string, endpoint: string, ...more: string[]) =>
      runWaybill([command, '--bucket', url, '--bucket-endpoint', endpoint, ...more], { env: store.env });
    const report = async <Report>(command: string, endpoint: string, ...more: string[]): Promise<Report> => {
      const { exitCode, stdout, stderr } = await run(command, endpoint, '--json', ...more);
      expect(exitCode, stderr).toBe(0);
      return JSON.parse(stdout);
    };
    const capture = async (): Promise<void> => {
      const more = [
        '--source',
        server.uri,
        '--include',
        database,
        '--segment-size',
        '64KiB',
        '--until',
        'caught-up',
      ];
      const { exitCode, stderr } = await run('capture', store.endpoint, ...more);
      expect(exitCode, stderr).toBe(0);
    };

    beforeAll(async () => {
      server = await startServer({ replSet: 'source' });
      store = await startTestStore(kind);
      url = await store.newBucket();
      await using client = await testClient(server.uri);
      const things = client.client.db(database).collection('things');
      await things.insertMany(Array.from({ length: 5000 }, (_, n) => ({ n, text: `${n} `.repeat(30) })));
      await capture();
      await things.updateMany({ n: { $lt: 500 } }, { $set: { changed: true } });
      await capture();
    });
    afterAll(async () => {
      await store[Symbol.asyncDispose]();
      await server[Symbol.asyncDispose]();
    });

    it('is whole, and is found so whatever the connection does', async () => {
      const clean = await report<FsckReport>('fsck', store.endpoint, '--deep');
      expect(clean).toMatchObject({ whole: true, findings: [], lastSequence: 500 });
      await using proxy = await store.proxy({ seed: testSeed(), rates: RATES, latencyMs: 20 });
      const told = await report<FsckReport>('fsck', proxy.endpoint, '--deep');
      expect({ ...told, time: '', seconds: 0, bucket: '' }).toEqual({
        ...clean,
        time: '',
        seconds: 0,
        bucket: '',
      });
    });

    it('loses its garbage and nothing else', async () => {
      const before = await report<FsckReport>('fsck', store.endpoint, '--deep');
      const bucket = await openBucket(url, { store: { endpoint: store.endpoint } });
      const folder = `default/segments/snapshot/${database}.things`;
      const [fenced, present] = [1, 2].map((epoch) => `${folder}/000000-0009-${epoch}-0123456789ab.avro`);
      for (const key of [fenced!, present!]) await bucket.put(key, Buffer.from('never committed'));
      expect(await report<FsckReport>('fsck', store.endpoint)).toMatchObject({ orphans: { count: 2 } });
      const collected = await report<GcReport>('gc', store.endpoint, '--min-age', '0', '--delete');
      expect(collected.items.map(({ key }) => key)).toEqual([fenced]);
      expect(collected).toMatchObject({ count: 1, kept: { young: 1 }, unfinishedUploads: 0 });
      expect(await bucket.head(present!)).not.toBeNull();
      await bucket.delete(present!);
      await bucket.close();
      const after = await report<FsckReport>('fsck', store.endpoint, '--deep');
      expect({ ...after, time: '', seconds: 0 }).toEqual({ ...before, time: '', seconds: 0 });
    });
  });
}
