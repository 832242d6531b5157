/** The differences that verify finds between documents: none, each kind, any number. */
import { expect, it } from 'vitest';
import { insertCorpus } from '../corpus/corpus.ts';
import * as b from '../support/bson/bytes.ts';
import { describeWithServer, uniqueName } from '../support/servers.ts';
import { linesOf, numbered, type Planted, plant, row, verify } from '../support/verifying.ts';
import { testSeed } from '../support/workload.ts';

await describeWithServer('waybill verify of documents', (servers) => {
  it('finds two copies of the odd corpus the same', async () => {
    const database = uniqueName('verify_same');
    const inserted = await insertCorpus(servers.source.uri, { database });
    await insertCorpus(servers.target.uri, { database });
    // Small ranges, so collections of every odd `_id` are cut too.
    const report = await verify(servers, [database], { rangeBytes: 1000 });
    expect(linesOf(report)).toEqual([]);
    expect(report.same).toBe(true);
    for (const { collection, documents } of inserted) {
      if (collection.options.viewOn !== undefined) continue;
      const counted = report.collections.find(
        ({ namespace }) => namespace === `${database}.${collection.name}`,
      );
      expect(counted, collection.name).toMatchObject({
        sourceDocuments: documents.length,
        targetDocuments: documents.length,
        bytes: documents.reduce((sum, { bytes }) => sum + bytes.length, 0),
        settled: 0,
        letters: 0,
      });
    }
  });

  it('finds each kind of difference between documents, and nothing else', async () => {
    const database = uniqueName('verify_documents');
    const deep = (last: string): b.Value =>
      b.object(['a', b.array(b.int32(1), b.object(['b', b.object(['c', b.string(`text ${last}`)])]))]);
    const one = (value: b.Value): Buffer[] => [row(b.int32(1), ['v', value]), row(b.int32(2))];
    const cases: Readonly<Record<string, Planted>> = {
      missing: {
        source: numbered(5, b.int32),
        target: numbered(5, b.int32).filter((_, index) => index !== 2),
      },
      missing_ends: { source: numbered(5, b.int32), target: numbered(3, b.int32, 1) },
      extra: { source: numbered(3, b.int32), target: numbered(5, b.int32) },
      byte: { source: one(deep('x')), target: one(deep('y')) },
      number: { source: one(b.int32(1)), target: one(b.double(1)) },
      nan: { source: one(b.doubleBits('7ff8000000000000')), target: one(b.doubleBits('7ff800000000beef')) },
      order: {
        source: [row(b.int32(1), ['a', b.int32(1)], ['b', b.int32(2)])],
        target: [row(b.int32(1), ['b', b.int32(2)], ['a', b.int32(1)])],
      },
      duplicate: {
        source: [row(b.int32(1), ['a', b.int32(1)], ['a', b.int32(1)])],
        target: [row(b.int32(1), ['a', b.int32(1)])],
      },
      id_type: { source: [row(b.int32(1)), row(b.int32(2))], target: [row(b.double(1)), row(b.int32(2))] },
      id_nan: {
        source: [row(b.doubleBits('7ff8000000000000')), row(b.int32(2))],
        target: [row(b.doubleBits('7ff800000000beef')), row(b.int32(2))],
      },
      id_case: {
        options: { collation: { locale: 'en', strength: 2 } },
        source: ['A', 'b', 'C'].map((id) => row(b.string(id))),
        target: ['a', 'b', 'C'].map((id) => row(b.string(id))),
      },
      natural: {
        options: { capped: true, size: 65_536 },
        source: [3, 1, 2].map((id) => row(b.int32(id))),
        target: [1, 3, 2].map((id) => row(b.int32(id))),
      },
      natural_missing: {
        options: { capped: true, size: 65_536 },
        source: [3, 1, 2].map((id) => row(b.int32(id))),
        target: [3, 2].map((id) => row(b.int32(id))),
      },
    };
    for (const [name, planted] of Object.entries(cases)) await plant(servers, database, name, planted);
    const report = await verify(servers, [database]);
    expect(linesOf(report)).toEqual(
      [
        'missing: 1 missing, 0 extra, 0 different, 0 changing',
        'missing {"_id":{"$numberInt":"2"}}: missing',
        'missing_ends: 2 missing, 0 extra, 0 different, 0 changing',
        'missing_ends {"_id":{"$numberInt":"0"}}: missing',
        'missing_ends {"_id":{"$numberInt":"4"}}: missing',
        'extra: 0 missing, 2 extra, 0 different, 0 changing',
        'extra {"_id":{"$numberInt":"3"}}: extra',
        'extra {"_id":{"$numberInt":"4"}}: extra',
        'byte: 0 missing, 0 extra, 1 different, 0 changing',
        'byte {"_id":{"$numberInt":"1"}}: different v.a[1].b.c=value',
        'number: 0 missing, 0 extra, 1 different, 0 changing',
        'number {"_id":{"$numberInt":"1"}}: different v=type',
        'nan: 0 missing, 0 extra, 1 different, 0 changing',
        'nan {"_id":{"$numberInt":"1"}}: different v=value',
        'order: 0 missing, 0 extra, 1 different, 0 changing',
        'order {"_id":{"$numberInt":"1"}}: different =order',
        'duplicate: 0 missing, 0 extra, 1 different, 0 changing',
        'duplicate {"_id":{"$numberInt":"1"}}: different a=duplicate',
        // An equal id of other bytes is another document.
        'id_type: 1 missing, 1 extra, 0 different, 0 changing',
        'id_type {"_id":{"$numberInt":"1"}}: missing',
        'id_type {"_id":{"$numberDouble":"1.0"}}: extra',
        'id_nan: 1 missing, 1 extra, 0 different, 0 changing',
        'id_nan {"_id":{"$numberDouble":"NaN"}}: missing',
        'id_nan {"_id":{"$numberDouble":"NaN"}}: extra',
        'id_case: 1 missing, 1 extra, 0 different, 0 changing',
        'id_case {"_id":"A"}: missing',
        'id_case {"_id":"a"}: extra',
        'natural: order natural order differs',
        'natural_missing: 1 missing, 0 extra, 0 different, 0 changing',
        'natural_missing {"_id":{"$numberInt":"1"}}: missing',
      ].sort(),
    );
    expect(report.same).toBe(false);
    // Paths, never values.
    expect(JSON.stringify(report)).not.toMatch(/text [xy]/);
  });

  it('counts any number of differences right, in a row and everywhere', async () => {
    const database = uniqueName('verify_many');
    const long = 'x'.repeat(200);
    const text = (index: number): b.Value => b.string(`${index} ${long}`);
    const other = (index: number): b.Value => b.string(`${index} ${long.replace('x', 'y')}`);
    await plant(servers, database, 'gap', {
      source: numbered(40_000, text),
      target: [...numbered(3000, text), ...numbered(7000, text, 33_000)],
    });
    await plant(servers, database, 'surplus', {
      source: [...numbered(10, text), ...numbered(10, text, 25_000)],
      target: numbered(25_010, text),
    });
    await plant(servers, database, 'all', {
      source: numbered(20_000, text),
      target: numbered(20_000, other),
    });
    await plant(servers, database, 'disjoint', {
      source: numbered(6000, (index) => b.int32(index)).filter((_, index) => index % 2 === 0),
      target: numbered(6000, (index) => b.int32(index)).filter((_, index) => index % 2 === 1),
    });
    const report = await verify(servers, [database], { rangeBytes: 1_000_000, detailLimit: 5 });
    expect(
      report.collections.map(({ namespace, sourceDocuments, targetDocuments, missing, extra, different }) => [
        namespace.split('.')[1],
        sourceDocuments,
        targetDocuments,
        missing,
        extra,
        different,
      ]),
    ).toEqual([
      ['all', 20_000, 20_000, 0, 0, 20_000],
      ['disjoint', 3000, 3000, 3000, 3000, 0],
      ['gap', 40_000, 10_000, 30_000, 0, 0],
      ['surplus', 20, 25_010, 0, 24_990, 0],
    ]);
    expect(report.differences).toHaveLength(5);
  });

  it('names exactly what differs between any two sets of documents', async () => {
    let state = testSeed() % 2_147_483_647 || 1;
    const random = (below: number): number => {
      state = (state * 48_271) % 2_147_483_647;
      return state % below;
    };
    const database = uniqueName('verify_random');
    const expected: string[] = [];
    for (let round = 0; round < 8; round++) {
      const name = `round${round}`;
      const [missing, extra, changed] = [random(60), random(60), random(60)];
      const [source, target]: [Buffer[], Buffer[]] = [[], []];
      // Strings beside numbers, and runs: what is missing or extra comes alone and in a row.
      let kind = 'both';
      for (let index = 0; index < 1500; index++) {
        if (random(4) === 0) {
          const dice = random(100);
          kind = dice < missing / 2 ? 'missing' : dice < (missing + extra) / 2 ? 'extra' : 'both';
        }
        const id = index % 3 === 0 ? b.string(`id ${index}`) : b.int32(index);
        const text = index % 3 === 0 ? `"id ${index}"` : `{"$numberInt":"${index}"}`;
        const differs = kind === 'both' && random(200) < changed;
        if (kind !== 'extra') source.push(row(id, ['v', b.int32(1)]));
        if (kind !== 'missing') target.push(row(id, ['v', b.int32(differs ? 2 : 1)]));
        const what = differs ? 'different v=value' : kind;
        if (what !== 'both') expected.push(`${name} {"_id":${text}}: ${what}`);
      }
      await plant(servers, database, name, { source, target });
    }
    const report = await verify(servers, [database], { rangeBytes: 10_000, detailLimit: 20_000 });
    expect(linesOf(report).filter((line) => line.includes('{'))).toEqual(expected.sort());
    const total = report.collections.reduce((sum, one) => sum + one.missing + one.extra + one.different, 0);
    expect(total).toBe(expected.length);
    expect(report.collections.every(({ settled }) => settled === 0)).toBe(true);
  });
});
