/**
 * A whole migration to engines that are not MongoDB's: no command that they lack is sent, and one
 * index of a collection is built at a time.
 */
import type { TargetKind } from '@waybill/load/target/profiles/profile';
import { expect, it } from 'vitest';
import { temporaryBucket } from '../support/bucket.ts';
import { testClient } from '../support/raw.ts';
import { describeWithServer, uniqueName } from '../support/servers.ts';
import { AZURE_DOCUMENTDB } from '../support/stand-ins/azure-documentdb.ts';
import { DOCUMENTDB } from '../support/stand-ins/documentdb.ts';
import type { StandInRules } from '../support/stand-ins/rules.ts';
import { StandIn } from '../support/stand-ins/stand-in.ts';
import { runWaybill, spawnWaybill } from '../support/waybill.ts';

await describeWithServer('a migration to', (servers) => {
  it.each<[TargetKind, StandInRules]>([
    ['documentdb', DOCUMENTDB],
    ['azure-documentdb', AZURE_DOCUMENTDB],
  ])('%s', async (kind, rules) => {
    const database = uniqueName('engine');
    const query = { retryWrites: 'false' };
    await using standIn = await StandIn.start(rules, { uri: servers.target.uri, database, query });
    await using bucket = await temporaryBucket();
    await using source = await testClient(servers.source.uri);
    const orders = source.client.db(database).collection('orders');
    await orders.insertMany(Array.from({ length: 1500 }, (_, n) => ({ n })));
    await orders.createIndex({ n: 1 }, { unique: true });
    await orders.createIndex({ n: -1, m: 1 });
    await orders.createIndex({ m: 1 });

    const from = ['--bucket', bucket.path, '--source', servers.source.uri];
    const into = ['--bucket', bucket.path, '--target', standIn.uri, '--target-kind', kind];
    const place = ['--progress-database', `${database}_progress`];
    const done = async (...args: string[]): Promise<void> => {
      const result = await runWaybill(args);
      expect(result.exitCode, `${args[0]}: ${result.stderr}`).toBe(0);
    };
    await done('capture', ...from, '--include', database, '--until', 'caught-up');
    await done('load', ...into, ...place, '--until', 'caught-up');
    await done('verify', ...into, ...from.slice(2));
    await using _capture = spawnWaybill(['capture', ...from, '--include', database]);
    await orders.updateOne({ n: 7 }, { $set: { n: -7 } });
    await using _load = spawnWaybill(['load', ...into]);
    await done('cutover', ...into, ...from.slice(2), '--yes');
    expect(standIn.traffic.all.filter(({ answer }) => answer !== 'ok')).toEqual([]);
    await using target = await testClient(servers.target.uri);
    const built = await target.client.db(database).collection('orders').indexes();
    expect(built.map(({ name }) => name).sort()).toEqual(['_id_', 'm_1', 'n_-1_m_1', 'n_1']);
  });
});
