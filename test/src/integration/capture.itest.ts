import { formatClusterTime, parseClusterTime } from '@waybill/shared/base/position';
import { openBucket } from '@waybill/shared/bucket/open/open-bucket';
import { readManifest } from '@waybill/shared/manifest/log';
import { appendNote } from '@waybill/shared/manifest/note';
import { milestoneOf } from '@waybill/shared/manifest/state';
import { currentOperationTime } from '@waybill/shared/mongo/facts/operation-time';
import type { Db } from 'mongodb-4-0';
import { expect, it } from 'vitest';
import { awaitUntil } from '../support/await-until.ts';
import { temporaryBucket } from '../support/bucket.ts';
import { connectSource, startCapture } from '../support/capturing.ts';
import { testClient } from '../support/raw.ts';
import { differences, replayStream } from '../support/replay.ts';
import { describeWithServer, type ServerKind, uniqueName } from '../support/servers.ts';

const KINDS: readonly ServerKind[] = ['current', 'oldest'];

/**
 * Writes without pause until stopped; every document ends in a state that only the last write
 * explains.
 */
async function churn(db: Db, stop: AbortSignal): Promise<number> {
  const items = db.collection<{ _id: number | string }>('items');
  let round = 0;
  while (!stop.aborted) {
    round++;
    const id = round % 97;
    await items.updateOne(
      { _id: id },
      { $set: { round, [`f${round % 5}`]: 'x'.repeat(round % 50) } },
      { upsert: true },
    );
    await items.updateOne({ _id: (id * 7) % 97 }, { $inc: { hits: 1 }, $push: { list: round } as never });
    if (round % 3 === 0) await items.deleteOne({ _id: (id * 3) % 97 });
    if (round % 5 === 0) {
      const again = `again-${round % 11}`;
      await items.deleteOne({ _id: again });
      await items.insertOne({ _id: again, round } as never);
      await items.updateOne({ _id: again }, { $set: { touched: true } });
    }
    if (round % 7 === 0) await items.replaceOne({ _id: id }, { replaced: round });
    if (round % 20 === 0) await moveAbout(db, round);
  }
  return round;
}

/** Collections come, move over one another, and go. */
async function moveAbout(db: Db, round: number): Promise<void> {
  const name = `moving${round % 3}`;
  await db.collection(name).insertMany([{ round }, { round, second: true }]);
  await db.collection(name).updateMany({}, { $set: { moved: round } });
  if (round % 40 === 0) await db.collection(name).rename(`moved${round % 2}`, { dropTarget: true });
  if (round % 60 === 0) {
    await db
      .collection('moved0')
      .drop()
      .catch(() => undefined);
  }
}

for (const kind of KINDS) {
  await describeWithServer(
    `capture of a ${kind} server`,
    (servers) => {
      it('replays to the same bytes after a snapshot under writes, renames, drops and creations', async () => {
        const database = uniqueName('busy');
        await using client = await testClient(servers.source.uri);
        await using source = await connectSource(servers.source.uri);
        await using folder = await temporaryBucket();
        const bucket = await openBucket(folder.url);
        const db = client.client.db(database);
        for (const name of ['one', 'two', 'three', 'four']) {
          await db
            .collection(name)
            .insertMany(Array.from({ length: 3000 }, (_, i) => ({ i, pad: 'p'.repeat(100) })));
        }
        const stop = new AbortController();
        const writing = churn(db, stop.signal);
        const capture = startCapture(source, bucket, {
          include: [database],
          chunkSize: 100_000,
          segmentSize: 50_000,
          maxReadRate: 800_000,
        });
        await awaitUntil('the snapshot is under way', () => capture.stats.segments > 2);
        await db.collection('two').rename('deux');
        await db.collection('three').drop();
        await db.collection('three').insertMany([{ new: 1 }, { new: 2 }]);
        await db.collection('four').rename('two');
        await db.collection('two').updateMany({}, { $set: { after: 'rename' } });
        await awaitUntil(
          'it is caught up',
          () => capture.stats.phase === 'changes' && capture.stats.sequence > 0,
        );
        stop.abort();
        expect(await writing).toBeGreaterThan(20);

        const time = await currentOperationTime(source);
        await appendNote(bucket, 'default', [stoppedAt(formatClusterTime(time))], { writer: 'test' });
        await awaitUntil('it is drained', async () =>
          milestoneOf(await readManifest(bucket, 'default'), 'drained'),
        );
        const result = await capture.stop();
        expect(result.ended).toBe('stopped');

        const replayed = await replayStream(bucket, 'default');
        expect(await differences(replayed, client, database)).toEqual([]);
        expect(replayed.changes.map(({ sequence }) => sequence)).toEqual(
          Array.from({ length: replayed.changes.length }, (_, index) => index + 1),
        );
        const drained = milestoneOf(replayed.state, 'drained');
        expect(parseClusterTime(drained!.clusterTime!)).toBeGreaterThanOrEqual(time);
      });

      it('goes on where it was stopped, inside a collection', async () => {
        const database = uniqueName('resumed');
        await using client = await testClient(servers.source.uri);
        await using source = await connectSource(servers.source.uri);
        await using folder = await temporaryBucket();
        const bucket = await openBucket(folder.url);
        const db = client.client.db(database);
        await db
          .collection('big')
          .insertMany(Array.from({ length: 10_000 }, (_, i) => ({ i, pad: 'p'.repeat(100) })));
        const settings = {
          include: [database],
          chunkSize: 300_000,
          segmentSize: 50_000,
          maxReadRate: 500_000,
        };
        const first = startCapture(source, bucket, settings);
        await awaitUntil('some segments are in', () => first.stats.segments >= 3);
        await first.stop();
        const between = await readManifest(bucket, 'default');
        expect(milestoneOf(between, 'snapshot-completed')).toBeUndefined();
        await db.collection('big').updateMany({ i: { $lt: 500 } }, { $set: { later: true } });
        await db.collection('big').deleteMany({ i: { $gte: 9900 } });

        const { maxReadRate: _, ...fast } = settings;
        const second = await startCapture(source, bucket, { ...fast, until: 'snapshot-completed' }).ended;
        expect(second.ended).toBe('snapshot-completed');
        const replayed = await replayStream(bucket, 'default');
        expect(await differences(replayed, client, database)).toEqual([]);
        expect(replayed.state.epoch).toBe(2);
        const rows = replayed.state.totals.snapshotRecords;
        expect(rows).toBeGreaterThanOrEqual(9900);
        expect(rows).toBeLessThanOrEqual(10_000);
      });
    },
    { source: kind },
  );
}

function stoppedAt(clusterTime: string) {
  return { name: 'writes-stopped' as const, at: new Date().toISOString(), clusterTime, sequence: null };
}
