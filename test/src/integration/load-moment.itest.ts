/** A load that stops at a moment, also inside a commit, and goes on from there. */
import { createLogger } from '@waybill/shared/base/logger';
import { formatClusterTime, parseClusterTime } from '@waybill/shared/base/position';
import { int32 } from '@waybill/shared/bson/build';
import { expect } from 'vitest';
import { itLoadsDocuments, order } from '../support/load-documents.ts';
import type { TestClient } from '../support/raw.ts';
import { describeWithServer } from '../support/servers.ts';
import { type BuiltChange, put, remove } from '../support/stream-builder.ts';

/** Sequence and time of every lane's cursor. */
async function cursors(client: TestClient) {
  const found = await client.client
    .db('waybill')
    .collection<{ _id: string; seq: number; sequence: number; clusterTime: string }>('progress')
    .find({ _id: /^default\/lane\// })
    .toArray();
  return found.map(({ seq, sequence, clusterTime }) => ({ seq, sequence, clusterTime }));
}

/** What stands after the first `count` changes, by `_id`. */
function stateAfter(changes: readonly BuiltChange[], count: number): Buffer[] {
  const state = new Map<string, Buffer>();
  for (const { id, document } of changes.slice(0, count)) {
    const key = Buffer.from(id.bytes).toString('hex');
    if (document) state.set(key, document);
    else state.delete(key);
  }
  return [...state.values()];
}

await describeWithServer('a load until a moment', (servers) => {
  const it = itLoadsDocuments(() => servers.target.uri, 'moment');

  it('stops at any sequence, and goes on from there with what is left', async ({
    client,
    orders,
    stream,
    run,
    expectStored,
  }) => {
    await stream.snapshot([{ namespace: orders }]);
    const changes: BuiltChange[] = [];
    const seqs: number[] = [];
    for (let commit = 0; commit < 4; commit++) {
      const some = Array.from({ length: 5 }, (_, n): BuiltChange => {
        const id = int32((commit * 2 + n) % 6);
        if ((commit + n) % 4 === 3) return remove(orders, id);
        return put(orders, order(id, commit * 100 + n), commit === 0 ? 'insert' : 'replace');
      });
      changes.push(...some);
      seqs.push((await stream.changes(some)).seq);
    }
    await stream.milestone('caught-up');
    let applied = 0;
    for (const sequence of [1, 3, 4, 5, 5, 8, 13, 14, 20]) {
      const { outcome, stats, ...result } = await run({ until: { sequence } });
      expect([outcome, result.sequence]).toEqual(['moment-reached', sequence]);
      applied += stats.changes;
      expect(applied).toBe(sequence);
      await expectStored(stateAfter(changes, sequence));
      const isWhole = sequence % 5 === 0;
      const seq = seqs[Math.ceil(sequence / 5) - 1]! - (isWhole ? 0 : 1);
      for (const cursor of await cursors(client)) expect(cursor).toMatchObject({ seq, sequence });
    }
    const { stats } = await run();
    expect(stats.changes).toBe(0);
    await expectStored(stateAfter(changes, changes.length));
  });

  it('goes on past several commits from inside one', async ({ orders, stream, run, expectStored }) => {
    await stream.snapshot([{ namespace: orders }]);
    const changes = Array.from({ length: 30 }, (_, n) => put(orders, order(int32(n), n)));
    for (let from = 0; from < 30; from += 10) await stream.changes(changes.slice(from, from + 10));
    await stream.milestone('caught-up');
    await run({ until: { sequence: 7 } });
    await expectStored(stateAfter(changes, 7));
    const { stats, sequence } = await run();
    expect([stats.changes, sequence]).toEqual([23, 30]);
    await expectStored(stateAfter(changes, 30));
  });

  it('stops at a cluster time, and splits no transaction', async ({
    client,
    orders,
    stream,
    run,
    expectStored,
  }) => {
    await stream.snapshot([{ namespace: orders }]);
    const transaction = [3, 4, 5].map((n) => ({ ...put(orders, order(int32(n), n)), increment: 7 }));
    const changes = [
      { ...put(orders, order(int32(1), 1)), increment: 2 },
      { ...put(orders, order(int32(2), 2)), increment: 5 },
      ...transaction,
      { ...put(orders, order(int32(6), 6)), increment: 9 },
    ];
    const { seq } = await stream.changes(changes);
    const at = (increment: number) => stream.at(increment);
    const expected = [
      [1, 0],
      [4, 1],
      [6, 2],
      [7, 5],
      [8, 5],
    ] as const;
    for (const [increment, sequence] of expected) {
      const result = await run({ until: { clusterTime: at(increment) } });
      expect(result).toMatchObject({ outcome: 'moment-reached', sequence, watermark: at(increment) });
      await expectStored(stateAfter(changes, sequence));
      const clusterTime = formatClusterTime(at(increment));
      for (const cursor of await cursors(client)) {
        expect(cursor).toEqual({ seq: seq - 1, sequence, clusterTime });
      }
    }
    // More may come with the time of the position, so only a later position ends the wait.
    const waiting = run({ until: { clusterTime: at(9) } });
    await stream.changes([put(orders, order(int32(7), 7))]);
    expect(await waiting).toMatchObject({ outcome: 'moment-reached', sequence: 6 });
    await expectStored(stateAfter(changes, 6));
  });

  it('stops between structure changes of one commit', async ({ client, database, stream, run }) => {
    const names = async () =>
      (await client.client.db(database).listCollections().toArray()).map(({ name }) => name).sort();
    await stream.snapshot([]);
    const { ddl = [] } = await stream.ddl([
      { operation: 'create', namespace: `${database}.first` },
      { operation: 'create', namespace: `${database}.second` },
    ]);
    await stream.milestone('caught-up');
    const clusterTime = parseClusterTime(ddl[0]!.clusterTime)!;
    expect(await run({ until: { clusterTime } })).toMatchObject({ outcome: 'moment-reached' });
    expect(await names()).toEqual(['first']);
    await run();
    expect(await names()).toEqual(['first', 'second']);
  });

  it('refuses a moment that it is past', async ({ orders, stream, run }) => {
    await stream.snapshot([{ namespace: orders }]);
    await stream.changes([1, 2, 3].map((n) => put(orders, order(int32(n), n))));
    await stream.milestone('caught-up');
    await run({ until: { sequence: 2 } });
    await expect(run({ until: { sequence: 1 } })).rejects.toMatchObject({
      code: 'CONFIG_INVALID',
      message: expect.stringContaining('sequence 1'),
    });
  });

  it('leaves a document as it was whose state at the moment the stream does not hold', async ({
    orders,
    stream,
    run,
    expectStored,
  }) => {
    await stream.snapshot([{ namespace: orders, documents: [order(int32(1), 0), order(int32(2), 0)] }]);
    const bare = (n: number): BuiltChange => ({
      operation: 'update',
      namespace: orders,
      id: int32(n),
      origin: 'superseded',
    });
    await stream.changes([
      bare(1),
      bare(2),
      put(orders, order(int32(2), 5), 'update'),
      put(orders, order(int32(1), 9), 'update'),
    ]);
    await stream.milestone('caught-up');
    const lines: string[] = [];
    const destination = { write: (line: string) => lines.push(line) };
    const logger = createLogger({ format: 'json', destination });
    const { stats } = await run({ until: { sequence: 3 }, logger });
    expect(stats.changes).toBe(3);
    await expectStored([order(int32(1), 0), order(int32(2), 5)]);
    const warned = lines.map((line) => JSON.parse(line)).filter(({ level }) => level === 'warn');
    expect(warned).toMatchObject([{ documents: 1 }]);
    await run();
    await expectStored([order(int32(1), 9), order(int32(2), 5)]);
  });
});
