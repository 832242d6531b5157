/**
 * A replica set migrates into collections that the target shards by keys of its own, while the
 * application changes those keys and the load is killed again and again.
 */

import type { RunningCluster } from '@waybill/demo/servers/cluster';
import { Random } from '@waybill/demo/shop/random';
import { openBucket } from '@waybill/shared/bucket/open/open-bucket';
import { type Db, Double, Int32, Long } from 'mongodb-4-0';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { temporaryBucket } from '../support/bucket.ts';
import { caughtUp, connectSource, mark, startCapture } from '../support/capturing.ts';
import { compareDeployments } from '../support/compare.ts';
import { type TestClient, testClient } from '../support/raw.ts';
import { load } from '../support/run-load.ts';
import { describeWithServer, startShardedCluster, uniqueName } from '../support/servers.ts';
import { shard, spreadOf } from '../support/sharding.ts';
import { linesOf, verify } from '../support/verifying.ts';
import { spawnWaybill } from '../support/waybill.ts';
import { testSeed } from '../support/workload.ts';
import { killAgainAndAgain } from './killer.ts';

const IDS = 300;
const SPLIT = 500;
const COLLECTIONS = {
  ranged: { key: { k: 1 }, split: { k: SPLIT } },
  hashed: { key: { k: 'hashed' } },
  compound: { key: { 'a.b': 1, k: 1 }, split: { 'a.b': SPLIT, k: SPLIT } },
  byId: { key: { _id: 'hashed' } },
} as const;
const NAMES = [...Object.keys(COLLECTIONS), 'alone'];

await describeWithServer('a target sharded by its own keys', (servers) => {
  let cluster: RunningCluster;
  let target: TestClient;

  beforeAll(async () => {
    cluster = await startShardedCluster();
    target = await testClient(cluster.uri);
  });
  afterAll(async () => {
    await target?.[Symbol.asyncDispose]();
    await cluster?.stop();
  });

  it('ends with one document for each _id, however often the load is killed', async () => {
    await campaign(servers.source.uri, 6, async () => undefined);
  });

  it('does so where the source is sharded too, by other keys', async () => {
    await using origin = await startShardedCluster();
    await using client = await testClient(origin.uri);
    await campaign(origin.uri, 3, async (namespace) => {
      const field = /hashed|compound/.test(namespace) ? 'k' : 'a.b';
      await shard(client, namespace, { key: { [field]: 1 }, split: { [field]: SPLIT } });
    });
  });

  async function campaign(
    sourceUri: string,
    leastKills: number,
    prepare: (namespace: string) => Promise<void>,
  ): Promise<void> {
    await using source = await testClient(sourceUri);
    const random = new Random(testSeed());
    const database = uniqueName('keys');
    const db = source.client.db(database);
    for (const name of NAMES) await prepare(`${database}.${name}`);
    for (const [name, options] of Object.entries(COLLECTIONS)) {
      await shard(target, `${database}.${name}`, options);
    }
    for (const name of NAMES) {
      await db.collection<Doc>(name).insertMany(range(IDS).map((_id) => ({ _id, n: 0, ...key(random) })));
    }
    await using folder = await temporaryBucket();
    const bucket = await openBucket(folder.url);
    await using reading = await connectSource(sourceUri);
    const capture = startCapture(reading, bucket, { include: [`${database}.*`] });
    let isOver = false;
    const working = work(db, random, () => isOver);
    const where = ['--bucket', folder.url, '--target', cluster.uri, '--load', database];
    const start = () => spawnWaybill(['load', ...where]);
    const killing = killAgainAndAgain({
      who: 'load',
      start,
      random,
      kills: leastKills,
      begun: /load taken over/,
      maxLifeMs: 1500,
      moments: [/snapshot applied/, /load reached/],
    }).finally(() => {
      isOver = true;
    });
    const [kills, operations] = await Promise.all([killing, working]);
    await caughtUp(bucket);
    await mark(db, bucket);
    await capture.stop();
    await load({ bucketUrl: folder.url, targetUri: cluster.uri, load: database, until: 'caught-up' });

    const compared = { databases: [database], structure: false };
    expect(await compareDeployments(sourceUri, cluster.uri, compared)).toEqual([]);
    const pair = { source: { uri: sourceUri }, target: cluster };
    const report = await verify(pair, [`${database}.*`]);
    expect(linesOf(report)).toEqual([
      'byId: index-shard-key _id_hashed',
      'compound: index-shard-key a.b_1_k_1',
      'hashed: index-shard-key k_hashed',
      'ranged: index-shard-key k_1',
    ]);
    expect(report.same).toBe(true);
    const spread = new Map<string, readonly number[]>();
    for (const name of NAMES) {
      const { documents, repeated } = await spreadOf(target, `${database}.${name}`);
      expect(repeated, name).toEqual([]);
      expect(documents.reduce((a, b) => a + b)).toBe(await db.collection(name).countDocuments());
      spread.set(name, documents);
    }
    console.log(`${operations} operations, ${kills.length} kills, documents by shard:`, spread);
    for (const name of Object.keys(COLLECTIONS)) expect(Math.min(...spread.get(name)!)).toBeGreaterThan(20);
  }
});

interface Doc {
  readonly _id: number;
  readonly n: number;
  readonly k?: unknown;
  readonly a?: unknown;
}

const range = (length: number): number[] => Array.from({ length }, (_, n) => n);

/** Fields of every kind that a shard key takes, on both sides of the split. */
function key(random: Random): Pick<Doc, 'k' | 'a'> {
  const k = value(random);
  const b = value(random);
  return { ...(k !== undefined && { k }), ...(b !== undefined && { a: random.chance(0.9) ? { b } : 5 }) };
}

function value(random: Random): unknown {
  const number = random.int(2 * SPLIT);
  const others = [
    new Double(number),
    Long.fromNumber(number),
    String(number),
    null,
    undefined,
    { $a: number },
  ];
  return random.chance(0.7) ? new Int32(number) : others[random.int(others.length)];
}

async function work(db: Db, random: Random, isOver: () => boolean): Promise<number> {
  let operations = 0;
  while (!isOver()) {
    const _id = random.int(IDS);
    await Promise.all(NAMES.map((name) => change(db, name, _id, random).catch(unlessMoving)));
    operations += NAMES.length;
  }
  return operations;
}

/** A document that moves between shards may meet another writer's transaction: nothing changes. */
function unlessMoving(error: Error): void {
  if (!error.message.includes('would move shards')) throw error;
}

async function change(db: Db, name: string, _id: number, random: Random): Promise<unknown> {
  const docs = db.collection<Doc>(name);
  const fields = key(random);
  switch (random.int(8)) {
    case 0:
      return docs.deleteOne({ _id });
    case 1:
      await docs.deleteOne({ _id });
      return docs.insertOne({ _id, n: 0, ...fields });
    case 2:
      return docs.replaceOne({ _id }, { n: random.int(9), ...fields }, { upsert: true });
    case 3:
      return docs.updateOne({ _id }, { $unset: { k: '' }, $inc: { n: 1 } });
    case 4:
      return docs.updateOne({ _id }, [{ $set: { k: { $literal: value(random) ?? null } } }], {
        upsert: true,
      });
    default:
      return docs.updateOne({ _id }, { $inc: { n: 1 } }, { upsert: true });
  }
}
