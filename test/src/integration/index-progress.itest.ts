import type { BuildProgress } from '@waybill/load/target/target';
import { fromObject } from '@waybill/shared/bson/build';
import { expect, it } from 'vitest';
import { testClient } from '../support/raw.ts';
import { describeWithServer } from '../support/servers.ts';
import { Scene } from '../support/target/contract/scene.ts';

await describeWithServer('builds of indexes', (servers) => {
  it('show how far they are', async () => {
    await using scene = await Scene.open(servers.target.uri);
    const { opened, database, tag } = scene;
    const namespace = `${database}.things`;
    await using client = await testClient(servers.target.uri);
    const documents = Array.from({ length: 120_000 }, (_, _id) => fromObject({ _id, a: _id, b: `${_id}` }));
    await client.insert(database, 'things', documents);
    expect(await opened.buildProgress(namespace)).toBeNull();
    const specs = ['a', 'b', 'c', 'd'].map((name) => fromObject({ key: { [name]: 1 }, name }));
    let isBuilt = false;
    const building = opened.createIndexes(namespace, specs, tag).finally(() => {
      isBuilt = true;
    });
    const seen: BuildProgress[] = [];
    while (!isBuilt) seen.push(...[await opened.buildProgress(namespace)].filter((each) => each !== null));
    await building;
    expect(seen.length).toBeGreaterThan(0);
    for (const { done, total } of seen) expect(done / total).toBeLessThanOrEqual(1);
  });
});
