/** Stops a load while it records a milestone in a bucket that doesn't accept it. */

import { runLoad } from '@waybill/load/load';
import { resolveLoadSettings } from '@waybill/load/settings/load-settings';
import { WaybillError } from '@waybill/shared/base/errors';
import { silentLogger } from '@waybill/shared/base/logger';
import { createMetrics } from '@waybill/shared/base/metrics';
import { createLoadStats } from '@waybill/shared/base/stats';
import { buildDocument, int32 } from '@waybill/shared/bson/build';
import type { Bucket } from '@waybill/shared/bucket/bucket';
import { commitKey, loadPrefix } from '@waybill/shared/manifest/keys';
import { readManifest } from '@waybill/shared/manifest/log';
import { expect, it } from 'vitest';
import { awaitUntil } from '../support/await-until.ts';
import { FaultyBucket } from '../support/bucket/faulty-bucket.ts';
import { temporaryBucket } from '../support/bucket.ts';
import { testClient } from '../support/raw.ts';
import { describeWithServer, uniqueName } from '../support/servers.ts';
import { StreamBuilder } from '../support/stream-builder.ts';
import { connectTarget } from '../support/target/connect-target.ts';

await describeWithServer('a load that records a milestone when it is stopped', (servers) => {
  it('gives it up soon, ends as stopped, and records it at the next start', { timeout: 60_000 }, async () => {
    await using folder = await temporaryBucket();
    await using client = await testClient(servers.target.uri);
    await using target = await connectTarget(servers.target.uri);
    await client.client.db('waybill').dropDatabase();
    const database = uniqueName('stop');
    const stream = await StreamBuilder.create(folder.url);
    const documents = [buildDocument([['_id', int32(1)]])];
    await stream.snapshot([{ namespace: `${database}.orders`, documents }]);
    await stream.milestone('caught-up');
    const log = loadPrefix('default', 'default');
    const load = (bucket: Bucket, signal: AbortSignal) =>
      runLoad(resolveLoadSettings({ until: 'caught-up', pollMs: 20 }), {
        ...{ bucket, target, logger: silentLogger, metrics: createMetrics() },
        ...{ stats: createLoadStats(), signal },
      });
    const recorded = async (): Promise<string[]> =>
      (await readManifest(stream.bucket, log)).milestones.map(({ name }) => name);

    // After the epoch and `load-started`.
    let refused = 0;
    const away = new FaultyBucket(stream.bucket, ({ operation, key, moment }) => {
      if (operation !== 'put' || moment !== 'before' || key !== commitKey(log, 3)) return;
      refused++;
      throw new WaybillError('BUCKET_UNAVAILABLE', 'The store is away.');
    });
    const stop = new AbortController();
    const loading = load(away, stop.signal);
    await awaitUntil('it tries to record', () => refused > 1);
    const startedAt = performance.now();
    stop.abort();
    expect(await loading).toMatchObject({ outcome: 'stopped' });
    expect(performance.now() - startedAt).toBeLessThan(10_000);
    expect(await recorded()).toEqual(['target-bound', 'load-started']);

    expect(await load(stream.bucket, new AbortController().signal)).toMatchObject({ outcome: 'caught-up' });
    expect(await recorded()).toEqual([
      'target-bound',
      'load-started',
      'snapshot-applied',
      'indexes-built',
      'caught-up',
    ]);
    expect(await client.client.db(database).collection('orders').countDocuments()).toBe(1);
    await client.client.db(database).dropDatabase();
  });
});
