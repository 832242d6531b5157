/**
 * A whole migration to a target that has neither collMod, renameCollection, `$currentOp`, comments,
 * uuids, min(), max() nor operation times: no command that it lacks is sent, and nothing of the
 * main job is missing.
 */
import { afterAll, beforeAll, expect, it } from 'vitest';
import { type TemporaryBucket, temporaryBucket } from '../support/bucket.ts';
import { type TestClient, testClient } from '../support/raw.ts';
import { describeWithServer, uniqueName } from '../support/servers.ts';
import { FIRESTORE } from '../support/stand-ins/firestore.ts';
import { StandIn } from '../support/stand-ins/stand-in.ts';
import { runWaybill, spawnWaybill } from '../support/waybill.ts';

await describeWithServer('a migration to Firestore', (servers) => {
  const database = uniqueName('fire');
  let standIn: StandIn;
  let bucket: TemporaryBucket;
  let source: TestClient;
  beforeAll(async () => {
    standIn = await StandIn.start(FIRESTORE, { uri: servers.target.uri, database });
    bucket = await temporaryBucket();
    source = await testClient(servers.source.uri);
  });
  afterAll(async () => {
    await source?.[Symbol.asyncDispose]();
    await bucket?.[Symbol.asyncDispose]();
    await standIn?.[Symbol.asyncDispose]();
  });

  const sourceSide = () => ['--source', servers.source.uri];
  const targetSide = () => ['--target', standIn.uri, '--target-kind', 'firestore'];
  const waybill = async (command: string, ...args: string[]) => {
    const result = await runWaybill([
      ...[command, '--bucket', bucket.path, '--json', '--log-format', 'json'],
      ...(command === 'capture' ? sourceSide() : targetSide()),
      ...args,
    ]);
    expect(result.exitCode, result.stderr + result.stdout).toBe(0);
    return JSON.parse(result.stdout);
  };

  it('sends nothing that it lacks', async () => {
    const db = source.client.db(database);
    await db.collection('orders').insertMany(Array.from({ length: 1500 }, (_, n) => ({ n })));
    await db.collection('orders').createIndex({ n: 1 }, { unique: true });
    await db.collection('orders').createIndex({ n: -1, m: 1 });
    await db.collection('names').insertMany([{ _id: 'a' }, { _id: 1.5 }, { _id: { a: 1 } }] as never[]);
    await db.createCollection('empty');
    const other = `${database}_other`;
    await source.client.db(other).collection('c').insertOne({});
    await waybill('capture', '--include', `${database},${other}`, '--until', 'caught-up');
    const tooMuch = await runWaybill(['load', '--bucket', bucket.path, ...targetSide()]);
    expect(tooMuch.stderr).toMatch(
      new RegExp(`has one database, ${database}, and the load would write ${other}`),
    );
    const loaded = await waybill('load', '--map', `*.*=${database}.{db}_{coll}`, '--until', 'caught-up');
    const decided = new Map<string, unknown[]>(
      loaded.target.decisions.map(({ name, value, by }: Record<string, string>) => [name, [value, by]]),
    );
    expect(decided.get('kind')).toEqual(['firestore', 'option']);
    expect(decided.get('statementsInCommand')).toEqual([500, 'profile']);
    expect(decided.get('renamesCollections')).toEqual([false, 'profile']);
    expect(decided.get('keepsEmptyTimestamps')?.[1]).toBe('probe');
    expect(await waybill('verify', ...sourceSide())).toMatchObject({ same: true });
    expect(await waybill('status', ...sourceSide())).toMatchObject({ unreachable: [] });
    await using _capture = spawnWaybill([
      ...['capture', '--bucket', bucket.path, '--include', `${database},${other}`],
      ...sourceSide(),
    ]);
    await db.collection('orders').updateOne({ n: 7 }, { $set: { n: -7 } });
    await using _load = spawnWaybill(['load', '--bucket', bucket.path, ...targetSide()]);
    expect(await waybill('cutover', ...sourceSide(), '--yes')).toMatchObject({ cutover: true });
    // The driver ends sessions without a write concern that the stand-in knows.
    const refused = standIn.traffic.all.filter(
      ({ command, answer }) => answer !== 'ok' && command !== 'endSessions',
    );
    expect(refused).toEqual([]);
    await using target = await testClient(servers.target.uri);
    const names = (await target.client.db(database).listCollections().toArray()).map(({ name }) => name);
    expect(names.sort()).toEqual([`${database}_names`, `${database}_orders`, `${other}_c`, 'progress']);
  });
});
