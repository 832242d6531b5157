/** Loads into the stand-in for Firestore: what it refuses, push back, deadlines, lost answers. */
import { fromObject, int32 } from '@waybill/shared/bson/build';
import { expect } from 'vitest';
import { hex, order } from '../support/load-documents.ts';
import { describeWithServer } from '../support/servers.ts';
import { FIRESTORE } from '../support/stand-ins/firestore.ts';
import { itLoadsInto } from '../support/stand-ins/loading.ts';
import { ask } from '../support/stand-ins/rule-cases.ts';
import type { Passed } from '../support/stand-ins/traffic.ts';
import { put } from '../support/stream-builder.ts';

const sorted = (documents: readonly Buffer[]): readonly string[] => documents.map(hex).sort();
const refusedBy = (writes: readonly Passed[], code: number): number =>
  writes.filter(({ answer }) => answer === code).length;
const LOCAL = { user: true, query: { loadBalanced: 'true', retryWrites: 'false' } };
const numbered = Array.from({ length: 500 }, (_, n) => order(int32(n), n));

await describeWithServer('a load into the stand-in for Firestore', (servers) => {
  const uri = (): string => servers.target.uri;
  const it = itLoadsInto({ rules: FIRESTORE, kind: 'firestore', uri, options: LOCAL });

  for (const manner of ['statement', 'command'] as const) {
    const documents = FIRESTORE.documents.map((rule) =>
      rule.name === 'index-entry' ? { ...rule, manner } : rule,
    );
    const rules = { ...FIRESTORE, documents };
    const itRefuses = itLoadsInto({ rules, kind: 'firestore', uri, options: LOCAL });

    itRefuses(
      `gives up what the target refuses, where the ${manner} fails, without a storm`,
      async ({ standIn, orders, stream, run, stored }) => {
        await ask(standIn, { createIndexes: 'orders', indexes: [{ key: { v: 1 }, name: 'v' }] });
        await standIn.builds.settled();
        const large = [70, 71, 500].map((n) => fromObject({ _id: n, v: 'x'.repeat(8000) }));
        const small = Array.from({ length: 600 }, (_, n) => fromObject({ _id: 1000 + n, v: n }));
        const all = [...small.slice(0, 100), ...large.slice(0, 2), ...small.slice(100), large[2]!];
        await stream.snapshot([{ namespace: orders, documents: all }]);
        await stream.milestone('caught-up');
        const { refused } = await run();
        expect(sorted(refused.map(({ document }) => Buffer.from(document!)))).toEqual(sorted(large));
        expect(refused.map(({ by, rule }) => `${by} ${rule}`)).toEqual(large.map(() => 'target server-2'));
        expect(await stored()).toHaveLength(600);
        const writes = standIn.traffic.writes(orders);
        // Halves of halves of 500 statements for each of three, and nothing tried again.
        expect(refusedBy(writes, 2)).toBeLessThanOrEqual(manner === 'statement' ? 4 : 40);
      },
    );
  }

  it('writes names with a dollar sign by inserts alone, again and again', async ({
    standIn,
    orders,
    stream,
    run,
    stored,
  }) => {
    const dollar = (_id: number, $v: number) =>
      fromObject(_id % 2 === 0 ? { _id, $v } : { _id, v: [{ $v }] });
    const ids = Array.from({ length: 40 }, (_, _id) => _id);
    await stream.snapshot([{ namespace: orders, documents: ids.map((_id) => dollar(_id, 0)) }]);
    for (const value of [1, 2]) {
      await stream.changes(ids.map((_id) => put(orders, dollar(_id, value), 'replace')));
    }
    await stream.milestone('caught-up');
    const { refused } = await run();
    expect(refused).toEqual([]);
    expect(sorted(await stored())).toEqual(sorted(ids.map((_id) => dollar(_id, 2))));
    expect(refusedBy(standIn.traffic.writes(orders), 52)).toBe(0);
  });

  it('answers push back with fewer writes at once, and recovers', async ({
    standIn,
    orders,
    stream,
    run,
    stored,
  }) => {
    await stream.snapshot([{ namespace: orders, documents: numbered, segmentDocuments: 200 }]);
    Object.assign(standIn.strain, { delayMs: 30, documentsPerSecond: 200 });
    const { stats } = await run({ until: 'snapshot-applied', snapshotBatchDocuments: 25 });
    expect(sorted(await stored())).toEqual(sorted(numbered));
    const writes = standIn.traffic.writes(orders);
    const pushedBack = refusedBy(writes, 112);
    expect(pushedBack).toBeGreaterThan(0);
    expect(pushedBack).toBeLessThan(writes.length / 2);
    expect(stats.pace.pushBacks).toBe(pushedBack);
    expect(stats.pace.rampPerSecond).toBeLessThan(500);
    // Nothing stands in the way any more.
    Object.assign(standIn.strain, { delayMs: 0, documentsPerSecond: null });
    await stream.changes(numbered.slice(0, 200).map((each) => put(orders, each, 'replace')));
    await stream.milestone('caught-up');
    const again = await run({ batchRecords: 5 });
    expect(again.stats.pace).toMatchObject({ pushBacks: 0, atOnce: again.stats.pace.atOnceMost });
  });

  it('cuts batches that meet the deadline, and remembers how much goes', async ({
    standIn,
    orders,
    stream,
    run,
    stored,
  }) => {
    await stream.snapshot([{ namespace: orders, documents: numbered, segmentDocuments: 400 }]);
    standIn.strain.statementsInTime = 90;
    await run({ until: 'snapshot-applied' });
    expect(sorted(await stored())).toEqual(sorted(numbered));
    const before = standIn.traffic.writes(orders);
    // What a batch of 400 needs, and nothing tried again.
    const late = refusedBy(before, 262);
    expect(late).toBeGreaterThan(0);
    expect(late).toBeLessThanOrEqual(10);
    const changed = numbered.slice(0, 200).map((_, n) => order(int32(n), n + 1));
    await stream.changes(changed.map((each) => put(orders, each, 'replace')));
    await stream.milestone('caught-up');
    await run();
    const after = standIn.traffic.writes(orders).slice(before.length);
    expect(refusedBy(after, 262)).toBe(0);
    expect(sorted(await stored())).toEqual(sorted([...changed, ...numbered.slice(200)]));
  });

  it('sends again what got no answer', async ({ standIn, orders, stream, run, stored }) => {
    await stream.snapshot([{ namespace: orders, documents: numbered.slice(0, 400), segmentDocuments: 100 }]);
    await stream.changes(numbered.slice(400).map((each) => put(orders, each, 'insert')));
    await stream.milestone('caught-up');
    standIn.strain.resets = 4;
    await run();
    expect(standIn.traffic.all.filter(({ answer }) => answer === 'lost')).toHaveLength(4);
    expect(sorted(await stored())).toEqual(sorted(numbered));
  });
});
