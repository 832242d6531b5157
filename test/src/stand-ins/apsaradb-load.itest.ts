/** A load into a stand-in for a sharded ApsaraDB: what it keeps of its own is not in admin. */
import type { RunningCluster } from '@waybill/demo/servers/cluster';
import { int32 } from '@waybill/shared/bson/build';
import { afterAll, beforeAll, expect } from 'vitest';
import { hex, order } from '../support/load-documents.ts';
import { testClient } from '../support/raw.ts';
import { describeWithServer, startShardedCluster } from '../support/servers.ts';
import { APSARADB_SHARDED } from '../support/stand-ins/apsaradb.ts';
import { itLoadsInto } from '../support/stand-ins/loading.ts';
import { put } from '../support/stream-builder.ts';

await describeWithServer('a load into a stand-in for a sharded ApsaraDB', () => {
  let cluster: RunningCluster;
  beforeAll(async () => {
    cluster = await startShardedCluster();
  });
  afterAll(() => cluster?.stop());
  const it = itLoadsInto({ rules: APSARADB_SHARDED, kind: 'apsaradb', uri: () => cluster.uri });

  it('writes nothing to admin, and does without a look at config', async ({
    standIn,
    stream,
    orders,
    run,
    stored,
  }) => {
    const documents = Array.from({ length: 300 }, (_, n) => order(int32(n), n));
    await stream.snapshot([{ namespace: orders, documents }]);
    const changed = documents.slice(0, 100).map((_, n) => order(int32(n), n + 1));
    await stream.changes(changed.map((each) => put(orders, each, 'replace')));
    await stream.milestone('caught-up');
    const { refused } = await run();
    expect(refused).toEqual([]);
    expect((await stored()).map(hex).sort()).toEqual([...changed, ...documents.slice(100)].map(hex).sort());
    const { all } = standIn.traffic;
    expect(
      all.filter(({ namespace, statements }) => statements > 0 && namespace.startsWith('admin.')),
    ).toEqual([]);
    const faults = all.filter(({ answer }) => answer !== 'ok');
    expect(faults.filter(({ namespace }) => !namespace.startsWith('config.'))).toEqual([]);
  });

  it('writes to a collection that is sharded by another key', async ({ stream, orders, run, stored }) => {
    await using client = await testClient(cluster.uri);
    await client.command('admin', { shardCollection: orders, key: { state: 'hashed' } });
    const documents = Array.from({ length: 100 }, (_, n) => order(int32(n), n));
    await stream.snapshot([{ namespace: orders, documents }]);
    const changed = documents.slice(0, 20).map((_, n) => order(int32(n), n + 1));
    await stream.changes(changed.map((each) => put(orders, each, 'replace')));
    await stream.milestone('caught-up');
    expect((await run()).refused).toEqual([]);
    expect((await stored()).map(hex).sort()).toEqual([...changed, ...documents.slice(20)].map(hex).sort());
  });
});
