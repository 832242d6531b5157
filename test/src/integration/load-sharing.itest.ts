/** Two loads of one stream fill one database of the target, under a mapping of names. */
import { expect, it } from 'vitest';
import { Migration, succeeded } from '../e2e/migration.ts';
import { testClient } from '../support/raw.ts';
import { describeWithServer, uniqueName } from '../support/servers.ts';
import { runWaybill } from '../support/waybill.ts';

await describeWithServer('two loads into one database', (servers) => {
  it('are each compared with what is theirs', async () => {
    const [shop, crm, one] = [uniqueName('shop'), uniqueName('crm'), uniqueName('one')];
    await using source = await testClient(servers.source.uri);
    await using target = await testClient(servers.target.uri);
    for (const [database, name] of [
      [shop, 'orders'],
      [crm, 'leads'],
    ] as const)
      await source.client.db(database).collection(name).insertOne({ n: 1 });
    await using migration = await Migration.create({
      servers,
      databases: [one],
      include: [shop, crm],
      load: ['--include', shop, '--map', `${shop}=${one}`],
    });
    await migration.must('capture', '--until', 'caught-up');
    await migration.must('load', '--until', 'caught-up');
    const [second, into] = [uniqueName('second'), ['--target', servers.target.uri]];
    const args = ['--bucket', migration.folder, ...into, '--load', second, '--include', crm];
    const map = ['--map', `${crm}.*=${one}.crm_{coll}`];
    succeeded('load', await runWaybill(['load', ...args, ...map, '--until', 'caught-up']));

    const verify = async () => {
      const { exitCode, stdout } = await migration.run('verify', ['--json']);
      const { collections, structure } = JSON.parse(stdout);
      return { exitCode, names: collections.map((each: { namespace: string }) => each.namespace), structure };
    };
    const ofSecond = { namespace: `${one}.crm_leads`, what: 'collection-of-load', detail: second };
    expect(await verify()).toMatchObject({ exitCode: 0, names: [`${one}.orders`], structure: [ofSecond] });
    await target.client.db(one).collection('strange').insertOne({});
    const strange = { namespace: `${one}.strange`, what: 'collection-extra' };
    expect(await verify()).toMatchObject({ exitCode: 3, structure: [ofSecond, strange] });
  });
});
