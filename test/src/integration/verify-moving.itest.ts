/**
 * Verifies data that changes meanwhile: it waits for changes that are on their way, and reports
 * what never settles.
 */
import { readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { VerifyReport } from '@waybill/load/verify/report';
import { expect, it } from 'vitest';
import { Migration } from '../e2e/migration.ts';
import * as b from '../support/bson/bytes.ts';
import { testClient } from '../support/raw.ts';
import { describeWithServer, uniqueName } from '../support/servers.ts';
import { linesOf, numbered, plant, verify } from '../support/verifying.ts';

await describeWithServer('waybill verify of what moves', (servers) => {
  it('waits for changes on their way, and tells of a document that never stands still', async () => {
    const database = uniqueName('verify_moving');
    const both = { source: numbered(200, b.int32), target: numbered(200, b.int32) };
    await plant(servers, database, 'late', both);
    await plant(servers, database, 'hot', both);
    await using source = await testClient(servers.source.uri);
    await using target = await testClient(servers.target.uri);
    const at = (client: typeof source, name: string) =>
      client.client.db(database).collection<{ _id: number }>(name);
    // As a load a second behind would have it.
    await at(source, 'late').updateOne({ _id: 7 }, { $set: { v: 1000 } });
    await at(source, 'late').deleteOne({ _id: 8 });
    await at(source, 'late').insertOne({ _id: 1000 });
    await at(source, 'hot').updateOne({ _id: 5 }, { $set: { v: -1 } });
    const late = sleep(1000).then(async () => {
      await at(target, 'late').updateOne({ _id: 7 }, { $set: { v: 1000 } });
      await at(target, 'late').deleteOne({ _id: 8 });
      await at(target, 'late').insertOne({ _id: 1000 });
    });
    let stop = false;
    const hot = (async () => {
      // Never the value that the target has.
      for (let value = 1000; !stop; value++) {
        await at(source, 'hot').updateOne({ _id: 5 }, { $set: { v: value } });
        await sleep(50);
      }
    })();
    const report = await verify(servers, [database], { settleMs: 3000, recheckLimitMs: 5000 });
    stop = true;
    await Promise.all([late, hot]);
    expect(linesOf(report)).toEqual([
      'hot {"_id":{"$numberInt":"5"}}: changing',
      'hot: 0 missing, 0 extra, 0 different, 1 changing',
    ]);
    expect(report.collections.find(({ namespace }) => namespace.endsWith('.late'))?.settled).toBe(3);
    expect(report.same).toBe(false);
    expect(report.differences[0]?.ageMs).toBeNull();
  });

  it('waits for collections and indexes on their way', async () => {
    const database = uniqueName('verify_late');
    await using source = await testClient(servers.source.uri);
    await using target = await testClient(servers.target.uri);
    const fill = async (client: typeof source) => {
      await client.insert(database, 'new', numbered(10, b.int32));
      await client.command(database, { createIndexes: 'new', indexes: [{ key: { v: 1 }, name: 'v' }] });
    };
    await fill(source);
    const late = sleep(700).then(() => fill(target));
    const report = await verify(servers, [database], { settleMs: 3000 });
    await late;
    expect(linesOf(report)).toEqual([]);
    expect(report.collections).toMatchObject([{ sourceDocuments: 10, targetDocuments: 10 }]);
  });
});

await describeWithServer('waybill verify, the command', (servers) => {
  it('compares while capture and load run behind an application that writes', async () => {
    const database = uniqueName('verify_running');
    await using source = await testClient(servers.source.uri);
    await using target = await testClient(servers.target.uri);
    await source.insert(database, 'rows', numbered(5000, b.int32));
    await using migration = await Migration.create({ servers, databases: [database] });
    await migration.startSides();
    const rows = source.client.db(database).collection<{ _id: number }>('rows');
    let writing = true;
    const writer = (async () => {
      for (let n = 0; writing; n++) {
        await rows.updateOne({ _id: 100 + ((n * 37) % 4900) }, { $set: { v: -n } });
        if (n % 3 === 0) await rows.insertOne({ _id: 10_000 + n });
        if (n % 5 === 0) await rows.deleteOne({ _id: 4999 - n / 5 });
        await sleep(5);
      }
    })();
    const clean = await migration.run('verify', ['--json']);
    expect(clean.exitCode, clean.stdout + clean.stderr).toBe(0);
    expect(JSON.parse(clean.stdout)).toMatchObject({ same: true, differences: [] });

    const there = target.client.db(database).collection<{ _id: number | string }>('rows');
    await there.insertOne({ _id: 'extra' });
    await there.deleteOne({ _id: 3 });
    const file = join(migration.folder, '..', `${database}-report.json`);
    const planted = await migration.run('verify', ['--report', file]);
    writing = false;
    await writer;
    expect(planted.exitCode, planted.stdout + planted.stderr).toBe(3);
    expect(planted.stdout).toMatch(/missing +extra +different/);
    expect(planted.stdout).toMatch(/rows +[\d,]+ +[\d,]+ +\S+ \S+ +1 +1 +0/);
    expect(planted.stdout).toMatch(/Source and target differ/);
    const report = JSON.parse(await readFile(file, 'utf8')) as VerifyReport;
    await rm(file);
    expect(linesOf(report).filter((line) => line.includes('{'))).toEqual([
      'rows {"_id":"extra"}: extra',
      'rows {"_id":{"$numberInt":"3"}}: missing',
    ]);
    // Documents are in the report that was asked for, and nowhere else.
    expect(planted.stderr).not.toMatch(/extra|numberInt/);
  });
});
