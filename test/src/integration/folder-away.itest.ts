/** A folder bucket whose mount goes away under a capture and a load, and comes back. */

import { mkdir, readdir, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { runFsck } from '@waybill/audit/fsck/fsck';
import { newFsckStats } from '@waybill/audit/fsck/stats';
import { runLoad } from '@waybill/load/load';
import { resolveLoadSettings } from '@waybill/load/settings/load-settings';
import { silentLogger } from '@waybill/shared/base/logger';
import { createMetrics, observeLoad } from '@waybill/shared/base/metrics';
import { bucketAwayMs, createLoadStats } from '@waybill/shared/base/stats';
import { openBucket } from '@waybill/shared/bucket/open/open-bucket';
import { expect, it } from 'vitest';
import { ActivityMeter, activityLine } from 'waybill/output/activity';
import { awaitUntil } from '../support/await-until.ts';
import { temporaryBucket } from '../support/bucket.ts';
import { caughtUp, connectSource, startCapture } from '../support/capturing.ts';
import { testClient } from '../support/raw.ts';
import { describeWithServer, uniqueName } from '../support/servers.ts';
import { connectTarget } from '../support/target/connect-target.ts';

await describeWithServer('a folder bucket that is away for a while', (servers) => {
  it('is waited for by capture and load, which say so, and is whole when it is back', async () => {
    await using place = await temporaryBucket();
    await using from = await testClient(servers.source.uri);
    await using to = await testClient(servers.target.uri);
    await using source = await connectSource(servers.source.uri);
    await using target = await connectTarget(servers.target.uri);
    await to.client.db('waybill').dropDatabase();
    const name = uniqueName('away');
    const orders = from.client.db(name).collection<{ _id: number }>('orders');
    await orders.insertOne({ _id: 0 });

    const folder = join(place.path, 'mount');
    const bucket = await openBucket(folder);
    const capture = startCapture(source, bucket, { include: [name] });
    await caughtUp(bucket);
    const stats = createLoadStats();
    const metrics = createMetrics();
    observeLoad(metrics, stats);
    const stop = new AbortController();
    const loading = runLoad(resolveLoadSettings({ pollMs: 20 }), {
      ...{
        bucket: await openBucket(folder),
        target,
        logger: silentLogger,
        metrics,
        stats,
        signal: stop.signal,
      },
    });
    loading.catch(() => undefined);
    const applied = (count: number) =>
      awaitUntil(`${count} documents are on the target`, async () => {
        return (await to.client.db(name).collection('orders').countDocuments()) === count;
      });
    await applied(1);
    await awaitUntil('a lag is known', async () =>
      /^waybill_load_lag_seconds \d/m.test(await metrics.render()),
    );

    await rename(folder, join(place.path, 'unmounted'));
    await mkdir(folder);
    for (let _id = 1; _id <= 20; _id++) await orders.insertOne({ _id });
    await awaitUntil('both have noticed', () =>
      [stats, capture.stats].every((each) => bucketAwayMs(each, performance.now()) !== null),
    );
    const line = activityLine(new ActivityMeter(stats).sample(performance.now()), {
      columns: 200,
      bar: () => '',
    });
    expect(line).toMatch(/no bucket for/);
    expect(line).not.toMatch(/lag/);
    expect(await metrics.render()).not.toMatch(/^waybill_load_lag_seconds \d/m);
    expect(await readdir(folder)).toEqual([]);

    await rm(folder, { recursive: true });
    await rename(join(place.path, 'unmounted'), folder);
    await applied(21);
    await capture.stop();
    stop.abort();
    expect(await loading).toMatchObject({ outcome: 'stopped' });
    const report = await runFsck(
      { stream: 'default', deep: true },
      { bucket: await openBucket(folder), stats: newFsckStats() },
    );
    expect(report).toMatchObject({ whole: true, damages: 0 });
    await to.client.db(name).dropDatabase();
    await from.client.db(name).dropDatabase();
  });
});
