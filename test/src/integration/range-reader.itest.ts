/**
 * Reads one range while its cursor is lost, its collection is renamed or dropped, or the reader is
 * told to stop.
 */
import { BsonType, findElement } from '@waybill/shared/bson/raw';
import { currentOperationTime } from '@waybill/shared/mongo/facts/operation-time';
import { expect, it } from 'vitest';
import { ids } from '../corpus/ids.ts';
import { int32, string } from '../support/bson/bytes.ts';
import { copied, describeRanges, padded } from '../support/ranges.ts';
import type { TestClient } from '../support/raw.ts';

await describeRanges('reading a range', (ranges) => {
  it('reads nothing older than a time', async () => {
    await ranges.insert('timed', [padded(int32(1))]);
    const notBefore = await currentOperationTime(ranges.connection);
    expect(await ranges.read('timed', { notBefore })).toHaveLength(1);
  });

  /** These are asked for by no name: ids-between.ts. */
  const UNNAMED = new Set<number>(
    (['minKey', 'maxKey', 'symbol', 'dbPointer', 'code', 'codeWithScope'] as const).map(
      (name) => BsonType[name],
    ),
  );

  it('without keys of the index reads the same between any two ids', async () => {
    const isSymbol = (document: Buffer): boolean => findElement(document, '_id')!.type === BsonType.symbol;
    const corpus = ids.documents
      .map(({ bytes }) => Buffer.from(bytes))
      .filter((document) => !isSymbol(document));
    await ranges.insert('compared', corpus);
    const all = await ranges.read('compared');
    expect(await ranges.read('compared', { byKeys: false })).toEqual(all);
    const isNamed = (document: Buffer): boolean => !UNNAMED.has(findElement(document, '_id')!.type);
    for (const [at, lower] of all.entries()) {
      const after = await ranges.read('compared', { lower, byKeys: false });
      // A bound of MaxKey is read on its own.
      if (isNamed(lower)) expect(after, `from ${at}`).toEqual(all.slice(at).filter(isNamed));
      const before = await ranges.read('compared', { upper: lower, byKeys: false });
      expect(before, `to ${at}`).toEqual(all.slice(0, at).filter(isNamed));
      for (let to = at + 1; isNamed(lower) && to < all.length; to += 5) {
        const between = await ranges.read('compared', { lower, upper: all[to]!, byKeys: false });
        expect(between, `${at} to ${to}`).toEqual(all.slice(at, to).filter(isNamed));
      }
    }
  });

  it('goes on after the last document when the cursor is lost', async () => {
    const documents = Array.from({ length: 2000 }, (_, n) => padded(int32(n)));
    await ranges.insert('lost', documents);
    const retries: unknown[] = [];
    const reader = ranges.reader('lost', {
      ...(await ranges.settled(null)),
      batchBytes: 20_000,
      onRetry: (error) => retries.push(error),
    });
    const found: Buffer[] = [];
    for await (const batch of reader) {
      found.push(...copied(batch));
      if (found.length > 500 && retries.length === 0) await loseCursors(ranges.client);
    }
    expect(found).toEqual(documents);
    expect(retries.length).toBeGreaterThan(0);
    expect(reader.outcome).toBe('complete');
  });

  it('follows a rename while it reads', async () => {
    const documents = Array.from({ length: 2000 }, (_, n) => padded(int32(n)));
    await ranges.insert('before', documents);
    const options = { ...(await ranges.settled((await ranges.entryOf('before')).uuid)), batchBytes: 20_000 };
    const reader = ranges.reader('before', options);
    const found: Buffer[] = [];
    for await (const batch of reader) {
      if (found.length === 0) {
        await ranges.client.command('admin', {
          renameCollection: `${ranges.database}.before`,
          to: `${ranges.database}.after`,
        });
        await ranges.insert('before', [padded(string('another collection'))]);
        await loseCursors(ranges.client);
      }
      found.push(...copied(batch));
    }
    expect(found).toEqual(documents);
    expect(reader).toMatchObject({ outcome: 'complete', collection: 'after' });
  });

  it('says that a collection was dropped and replaced', async () => {
    await ranges.insert('gone', [padded(int32(1))]);
    const { uuid } = await ranges.entryOf('gone');
    await ranges.command({ drop: 'gone' });
    await ranges.insert('gone', [padded(int32(2))]);
    const reader = ranges.reader('gone', { uuid });
    for await (const batch of reader) expect(batch.documents).toEqual([]);
    expect(reader.outcome).toBe('dropped');
  });

  it('says that a collection was dropped while it was read', async () => {
    await ranges.insert(
      'going',
      Array.from({ length: 2000 }, (_, n) => padded(int32(n))),
    );
    const options = { ...(await ranges.settled((await ranges.entryOf('going')).uuid)), batchBytes: 20_000 };
    const reader = ranges.reader('going', options);
    let dropped = false;
    for await (const _ of reader) {
      if (!dropped) await ranges.command({ drop: 'going' });
      dropped = true;
    }
    expect(reader.outcome).toBe('dropped');
  });

  it('stops at once when it is told to, and leaves no cursor open', async () => {
    await ranges.insert(
      'stopped',
      Array.from({ length: 2000 }, (_, n) => padded(int32(n))),
    );
    const settledOptions = { ...(await ranges.settled(null)), batchBytes: 20_000 };
    const stop = new AbortController();
    const reading = async (): Promise<void> => {
      const options = { ...settledOptions, signal: stop.signal };
      for await (const _ of ranges.reader('stopped', options)) stop.abort();
    };
    await expect(reading()).rejects.toMatchObject({ code: 'INTERRUPTED' });
    for await (const _ of ranges.reader('stopped', settledOptions)) break;
    expect(await cursorsOn(ranges.client, `${ranges.database}.stopped`)).toEqual([]);
  });
});

async function cursorsOn(client: TestClient, namespace: string): Promise<unknown[]> {
  const admin = client.client.db('admin');
  const pipeline = [{ $currentOp: { idleCursors: true, allUsers: true } }, { $match: { ns: namespace } }];
  const found = await admin
    .aggregate(pipeline)
    .toArray()
    .catch(() => []);
  return found.flatMap((each) => (each.cursor?.cursorId ? [each.cursor.cursorId] : []));
}

/** 4.0 doesn't show the ids of idle cursors, but ends the cursors with their sessions. */
async function loseCursors(client: TestClient): Promise<void> {
  // It may end its own session too, and then fails.
  await client.command('admin', { killAllSessions: [] }).catch(() => undefined);
}
