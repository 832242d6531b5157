/** Dead letters of collections that have other names on the target. */
import { int32 } from '@waybill/shared/bson/build';
import { expect } from 'vitest';
import { askLetters, readLog } from '../support/letters.ts';
import { itLoadsMapped, one } from '../support/load-mapped.ts';
import { A } from '../support/load-structure.ts';
import { describeWithServer } from '../support/servers.ts';
import { put, remove } from '../support/stream-builder.ts';

await describeWithServer('dead letters under other names', (servers) => {
  const it = itLoadsMapped(() => servers.target.uri);

  it('have both names, are superseded, follow a rename and are retried', async ({
    bucket,
    client,
    database,
    stream,
    run,
    onTarget,
  }) => {
    const validator = { n: { $lt: 100 } };
    await client.client.db(database).createCollection('shop_orders', { validator });
    await stream.snapshot([
      {
        namespace: 'shop.orders',
        uuid: A,
        documents: [one(1), one(2, 200), one(3, 300), one(4, 400), one(5, 500)],
      },
      { namespace: 'crm.orders', documents: [one(3, 300)] },
    ]);
    await stream.milestone('caught-up');
    const letters = { maxDeadLetters: 5 };
    await run({ ...letters, map: [`*.*=${database}.{db}_{coll}`] });
    expect(await onTarget()).toEqual(['crm_orders: 3:300', 'shop_orders: 1:0']);
    const names = { namespace: `${database}.shop_orders`, source: 'shop.orders' };
    expect((await readLog(bucket.url)).open).toMatchObject(Array.from({ length: 4 }, () => names));

    // One of the same `_id` in another collection closes no letter.
    await stream.changes([
      put('shop.orders', one(2, 2), 'update'),
      put('crm.orders', one(4, 4)),
      remove('shop.orders', int32(5)),
    ]);
    await stream.ddl([{ operation: 'rename', namespace: 'shop.orders', to: 'shop.sold', uuid: A }]);
    await stream.changes([put('shop.sold', one(3, 3), 'update')]);
    await stream.milestone('caught-up');
    await run(letters);
    const { lines, open } = await readLog(bucket.url);
    const closed = lines.flatMap((line) => ('closed' in line ? [line.as] : [])).sort();
    expect(closed).toEqual(['deleted', 'superseded', 'superseded']);
    expect(open).toMatchObject([{ namespace: `${database}.shop_sold`, source: 'shop.orders' }]);

    await client.command(database, { collMod: 'shop_sold', validator: {} });
    const asked = { bucketUrl: bucket.url, targetUri: servers.target.uri };
    await askLetters({ ...asked, choice: { namespaces: [`${database}.shop_sold`] } });
    expect((await readLog(bucket.url)).open).toEqual([]);
    expect(await onTarget()).toEqual(['crm_orders: 3:300 4:4', 'shop_sold: 1:0 2:2 3:3 4:400']);
  });
});
