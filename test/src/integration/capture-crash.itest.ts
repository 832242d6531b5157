import { runFsck } from '@waybill/audit/fsck/fsck';
import { newFsckStats } from '@waybill/audit/fsck/stats';
import { runGc } from '@waybill/audit/gc/gc';
import { temporaryFolder } from '@waybill/demo/servers/temporary';
import { WaybillError } from '@waybill/shared/base/errors';
import { openBucket } from '@waybill/shared/bucket/open/open-bucket';
import type { Db } from 'mongodb-4-0';
import { expect, it } from 'vitest';
import { awaitUntil } from '../support/await-until.ts';
import { FaultyBucket } from '../support/bucket/faulty-bucket.ts';
import { temporaryBucket } from '../support/bucket.ts';
import { connectSource, startCapture } from '../support/capturing.ts';
import { testClient } from '../support/raw.ts';
import { differences, replayStream } from '../support/replay.ts';
import { describeWithServer, startServer, uniqueName } from '../support/servers.ts';
import { testSeed } from '../support/workload.ts';

/** A small generator with a seed (mulberry32). */
function randomFrom(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
}

/**
 * Mostly updates of documents that the snapshot has as well: only their last image makes them
 * right.
 */
async function write(db: Db, round: number): Promise<void> {
  const big = db.collection<{ i: number }>('big');
  const items = db.collection<{ _id: number }>('items');
  for (let k = 0; k < 30; k++) {
    await big.updateOne(
      { i: (round * 131 + k * 71) % 4000 },
      { $set: { round, k }, $push: { seen: round } as never },
    );
    if (k % 6 === 0) await big.deleteOne({ i: (round * 57 + k) % 4000 });
    await items.updateOne({ _id: (round * 13 + k) % 90 }, { $set: { round } }, { upsert: true });
    if (k % 7 === 0) await items.deleteOne({ _id: (round * 5 + k) % 90 });
  }
  if (round % 9 === 0) await db.collection('items').rename('old', { dropTarget: true });
}

await describeWithServer('a capture that crashes', (servers) => {
  it('loses and repeats nothing, whichever write to the bucket it dies at', async () => {
    const seed = testSeed();
    const random = randomFrom(seed);
    const database = uniqueName('crash');
    await using client = await testClient(servers.source.uri);
    await using source = await connectSource(servers.source.uri);
    await using folder = await temporaryBucket();
    const bucket = await openBucket(folder.url);
    const db = client.client.db(database);
    for (const name of ['big', 'still']) {
      await db
        .collection(name)
        .insertMany(Array.from({ length: 4000 }, (_, i) => ({ i, pad: 'p'.repeat(100) })));
    }
    const settings = {
      include: [database],
      chunkSize: 150_000,
      segmentSize: 40_000,
      commitSize: 10_000,
      commitInterval: 5,
      until: 'caught-up',
    } as const;
    let crashes = 0;
    for (let round = 1; ; round++) {
      let callsLeft = round > 40 ? Number.POSITIVE_INFINITY : 1 + Math.floor(random() * 25);
      let dead = false;
      const crashing = new FaultyBucket(bucket, ({ operation }) => {
        if (operation !== 'put') return;
        // Once dead, it writes nothing more, as a process that has ended.
        if (!dead && --callsLeft <= 0) dead = true;
        if (dead) throw new WaybillError('INTERNAL', 'crash');
      });
      const capture = startCapture(source, crashing, settings);
      await write(db, round);
      try {
        await capture.ended;
        if (round > 25) break;
      } catch (error) {
        expect(error).toMatchObject({ message: 'crash' });
        crashes++;
      }
    }
    console.log(`crashes: ${crashes}`);
    // The writes of the last round may have outlasted its capture.
    await startCapture(source, bucket, settings).ended;
    expect(crashes).toBeGreaterThan(10);
    const replayed = await replayStream(bucket, 'default');
    expect(await differences(replayed, client, database)).toEqual([]);
    expect(replayed.changes.map(({ sequence }) => sequence)).toEqual(
      Array.from({ length: replayed.changes.length }, (_, index) => index + 1),
    );
    const checked = await runFsck({ stream: 'default', deep: true }, { bucket, stats: newFsckStats() });
    expect(checked.findings.filter(({ severity }) => severity === 'damage')).toEqual([]);
    const { items } = await runGc({ stream: 'default', minAge: 0, delete: true }, { bucket });
    expect(items.filter(({ kind }) => kind === 'segment')).toHaveLength(checked.orphans.count);
    expect(await differences(await replayStream(bucket, 'default'), client, database)).toEqual([]);
  });

  it('goes on by itself when the source comes back from a crash', async () => {
    await using data = await temporaryFolder('source');
    const settings = { replSet: 'rs', dbPath: data.path } as const;
    await using first = await startServer(settings);
    const { port, uri } = first;
    await using source = await connectSource(uri);
    await using folder = await temporaryBucket();
    const bucket = await openBucket(folder.url);
    const capture = await (async () => {
      await using client = await testClient(uri);
      const db = client.client.db('shop');
      const documents = Array.from({ length: 6000 }, (_, i) => ({ i, pad: 'p'.repeat(100) }));
      await db.collection('big').insertMany(documents);
      const started = startCapture(source, bucket, {
        include: ['shop'],
        chunkSize: 200_000,
        segmentSize: 50_000,
        maxReadRate: 300_000,
      });
      await awaitUntil('the snapshot is under way', () => started.stats.segments > 2);
      await db.collection('big').updateMany({ i: { $lt: 100 } }, { $set: { before: true } });
      return started;
    })();
    await first.kill();
    await using again = await startServer({ ...settings, port });
    await using client = await testClient(again.uri);
    const db = client.client.db('shop');
    await db.collection('big').updateMany({ i: { $gte: 5900 } }, { $set: { after: true } });
    await awaitUntil('the snapshot is complete', () => capture.stats.phase === 'changes');
    await capture.stop();
    await startCapture(source, bucket, { include: ['shop'], chunkSize: 200_000, until: 'caught-up' }).ended;
    expect(capture.stats.retries).toBeGreaterThan(0);
    expect(await differences(await replayStream(bucket, 'default'), client, 'shop')).toEqual([]);
  });
});
