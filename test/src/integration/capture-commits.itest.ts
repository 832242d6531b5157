/**
 * What stands in one commit of changes: transactions whole, images of any size, and no more of them
 * than memory holds.
 */
import { openBucket } from '@waybill/shared/bucket/open/open-bucket';
import { expect, it } from 'vitest';
import { temporaryBucket } from '../support/bucket.ts';
import { caughtUp, connectSource, mark, startCapture } from '../support/capturing.ts';
import { testClient } from '../support/raw.ts';
import { differences, replayStream } from '../support/replay.ts';
import { describeWithServer, type ServerKind, uniqueName } from '../support/servers.ts';

const KINDS: readonly ServerKind[] = ['current', 'oldest'];
for (const kind of KINDS) {
  await describeWithServer(
    `transactions of a ${kind} server`,
    (servers) => {
      it('keeps a transaction in one commit', async () => {
        const database = uniqueName('transactions');
        await using client = await testClient(servers.source.uri);
        await using source = await connectSource(servers.source.uri);
        await using folder = await temporaryBucket();
        const bucket = await openBucket(folder.url);
        const db = client.client.db(database);
        await db.collection('t').insertOne({ first: true });
        const capture = startCapture(source, bucket, {
          include: [database],
          commitSize: 20_000,
          commitInterval: 10,
        });
        await caughtUp(bucket);
        for (let round = 0; round < 10; round++) {
          const session = client.client.startSession();
          await session.withTransaction(async () => {
            const documents = Array.from({ length: 17 }, (_, i) => ({ round, i, pad: 'p'.repeat(200) }));
            await db.collection('t').insertMany(documents, { session });
            await db.collection('t').updateMany({ round }, { $set: { touched: round } }, { session });
          });
          await session.endSession();
          await db.collection('t').insertOne({ single: round });
        }
        await mark(db, bucket);
        await capture.stop();

        const replayed = await replayStream(bucket, 'default');
        expect(await differences(replayed, client, database)).toEqual([]);
        expect(replayed.commits.some(({ partialTransaction }) => partialTransaction)).toBe(false);
        const ends = replayed.commits.flatMap(({ segments = [] }) =>
          segments.filter((each) => each.kind === 'changes').map(({ lastSequence }) => lastSequence!),
        );
        expect(ends.length).toBeGreaterThan(5);
        const commitOf = (sequence: number): number => ends.findIndex((end) => sequence <= end);
        const commits = new Map<string, Set<number>>();
        for (const { transaction, sequence } of replayed.changes) {
          if (transaction === null) continue;
          const key = `${Buffer.from(transaction.session).toString('hex')} ${transaction.number}`;
          commits.set(key, (commits.get(key) ?? new Set()).add(commitOf(sequence)));
        }
        expect(commits.size).toBe(10);
        expect([...commits.values()].every((each) => each.size === 1)).toBe(true);
      });
    },
    { source: kind },
  );
}

await describeWithServer('commits of large documents', (servers) => {
  it('takes stored post-images, of events too large for one message as well', async () => {
    const database = uniqueName('post');
    await using client = await testClient(servers.source.uri);
    await using source = await connectSource(servers.source.uri);
    await using folder = await temporaryBucket();
    const bucket = await openBucket(folder.url);
    const db = client.client.db(database);
    await db.createCollection('big', { changeStreamPreAndPostImages: { enabled: true } });
    await db.collection('big').insertMany([{ _id: 1 as never, old: 'o'.repeat(6_000_000) }]);
    await db.collection('small').insertOne({ _id: 1 as never });
    const capture = startCapture(source, bucket, { include: [database], images: 'post' });
    await caughtUp(bucket);
    await db.collection('big').updateOne({ _id: 1 as never }, { $set: { new: 'n'.repeat(9_000_000) } });
    await db.collection('big').updateOne({ _id: 1 as never }, { $set: { x: 1 } });
    await db.collection('small').updateOne({ _id: 1 as never }, { $set: { looked: 'up' } });
    await mark(db, bucket);
    await capture.stop();
    const replayed = await replayStream(bucket, 'default');
    expect(await differences(replayed, client, database)).toEqual([]);
    const updates = replayed.changes.filter(({ operation }) => operation === 'update');
    expect(updates.map(({ documentOrigin }) => documentOrigin)).toEqual(['postImage', 'postImage', 'lookup']);
  });

  it('cuts commits whose images would be too large for memory', async () => {
    const database = uniqueName('large');
    await using client = await testClient(servers.source.uri);
    await using source = await connectSource(servers.source.uri);
    await using folder = await temporaryBucket();
    const bucket = await openBucket(folder.url);
    const db = client.client.db(database);
    const pad = 'p'.repeat(60_000);
    await db.collection('fat').insertMany(Array.from({ length: 60 }, (_, i) => ({ _id: i as never, pad })));
    const commitSize = 100_000;
    const settings = { include: [database], commitSize, until: 'caught-up' } as const;
    await startCapture(source, bucket, settings).ended;
    await db.collection('fat').updateMany({}, { $set: { touched: true } });
    await startCapture(source, bucket, settings).ended;
    const replayed = await replayStream(bucket, 'default');
    expect(replayed.changes).toHaveLength(60);
    expect(replayed.changes.every(({ documentOrigin }) => documentOrigin === 'lookup')).toBe(true);
    expect(await differences(replayed, client, database)).toEqual([]);
    const sizes = replayed.commits.flatMap(({ segments = [] }) =>
      segments.filter((each) => each.kind === 'changes').map(({ documentBytes }) => documentBytes),
    );
    expect(Math.max(...sizes)).toBeLessThan(3 * commitSize);
  });
});
