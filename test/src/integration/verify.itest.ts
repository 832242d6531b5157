import { readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { VerifyReport } from '@waybill/load/verify/report';
import { expect, it } from 'vitest';
import * as b from '../corpus/bytes.ts';
import { insertCorpus } from '../corpus/corpus.ts';
import { Migration } from '../e2e/migration.ts';
import { awaitUntil } from '../support/await-until.ts';
import { testClient } from '../support/raw.ts';
import { describeWithServer, startServer, type TestServers, uniqueName } from '../support/servers.ts';
import { linesOf, verify } from '../support/verifying.ts';
import { testSeed } from '../support/workload.ts';

const row = (id: b.Value, ...fields: readonly b.Field[]): Buffer => b.document(['_id', id], ...fields);
const numbered = (count: number, value: (index: number) => b.Value, from = 0): Buffer[] =>
  Array.from({ length: count }, (_, index) => row(b.int32(from + index), ['v', value(from + index)]));

interface Planted {
  readonly options?: Readonly<Record<string, unknown>>;
  readonly source: readonly Buffer[];
  readonly target: readonly Buffer[];
}

/** One collection on both sides, each with documents of its own. */
async function plant(servers: TestServers, database: string, name: string, planted: Planted): Promise<void> {
  for (const side of ['source', 'target'] as const) {
    await using client = await testClient(servers[side].uri);
    await client.command(database, { create: name, ...planted.options });
    await client.insert(database, name, planted[side], { bypassEmptyTsReplacement: true });
  }
}

await describeWithServer('waybill verify', (servers) => {
  it('finds two copies of the odd corpus the same', async () => {
    const database = uniqueName('verify_same');
    const inserted = await insertCorpus(servers.source.uri, { database });
    await insertCorpus(servers.target.uri, { database });
    // Small ranges, so that collections of every odd `_id` are cut too.
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

  it('finds each kind of difference between structures, and says what is only held back', async () => {
    const database = uniqueName('verify_structure');
    await using source = await testClient(servers.source.uri);
    await using target = await testClient(servers.target.uri);
    const both = (command: Record<string, unknown>) =>
      Promise.all([source.command(database, command), target.command(database, command)]);
    await source.insert(database, 'only_source', numbered(7, b.int32));
    await source.command(database, { create: 'only_source_view', viewOn: 'held', pipeline: [] });
    await target.insert(database, 'only_target', numbered(3, b.int32));
    await source.command(database, { create: 'options', validator: { a: { $gt: 1 } } });
    await target.command(database, { create: 'options', validator: { a: { $gt: 2 } } });
    await source.command(database, { create: 'capped', capped: true, size: 8192 });
    await target.command(database, { create: 'capped', capped: true, size: 16_384 });
    await source.command(database, { create: 'kind' });
    await target.command(database, { create: 'kind', viewOn: 'held', pipeline: [] });
    await both({ create: 'held' });
    await source.command(database, { create: 'view', viewOn: 'held', pipeline: [{ $match: { a: 1 } }] });
    await target.command(database, { create: 'view', viewOn: 'held', pipeline: [{ $match: { a: 2 } }] });
    const clusteredIndex = { key: { _id: 1 }, unique: true };
    await source.command(database, { create: 'clustered', clusteredIndex, expireAfterSeconds: 3600 });
    await target.command(database, { create: 'clustered', clusteredIndex });
    await source.command(database, {
      createIndexes: 'held',
      indexes: [
        { key: { a: 1 }, name: 'unique', unique: true },
        { key: { b: 1 }, name: 'ttl', expireAfterSeconds: 60 },
        { key: { c: 1 }, name: 'hidden', hidden: true },
        { key: { d: 1 }, name: 'beside another' },
        { key: { d: 1 }, name: 'told apart by unique', unique: true },
        { key: { e: 1 }, name: 'other key' },
        { key: { f: 1 }, name: 'gone' },
        { key: { g: 1 }, name: 'other ttl', expireAfterSeconds: 60 },
        { key: { h: 1 }, name: 'not unique' },
      ],
    });
    await target.command(database, {
      createIndexes: 'held',
      indexes: [
        { key: { a: 1 }, name: 'unique' },
        { key: { b: 1 }, name: 'ttl', expireAfterSeconds: 2_147_483_647 },
        { key: { c: 1 }, name: 'hidden' },
        { key: { d: 1 }, name: 'beside another' },
        { key: { e: -1 }, name: 'other key' },
        { key: { g: 1 }, name: 'other ttl', expireAfterSeconds: 61 },
        { key: { h: 1 }, name: 'not unique', unique: true },
        { key: { i: 1 }, name: 'more' },
      ],
    });
    const report = await verify(servers, [database]);
    expect(linesOf(report)).toEqual(
      [
        'only_source: collection-missing collection',
        'only_source: 7 missing, 0 extra, 0 different, 0 changing',
        'only_source_view: collection-missing view',
        'only_target: collection-extra collection',
        'only_target: 0 missing, 3 extra, 0 different, 0 changing',
        'options: options validator',
        'capped: options size',
        'kind: options type',
        'view: options pipeline',
        'clustered: options expireAfterSeconds (held back)',
        'held: index-different unique: unique (held back)',
        'held: index-different ttl: expireAfterSeconds (held back)',
        'held: index-different hidden: hidden (held back)',
        'held: index-missing told apart by unique (held back)',
        'held: index-different other key: key',
        'held: index-missing gone',
        'held: index-different other ttl: expireAfterSeconds',
        'held: index-different not unique: unique',
        'held: index-extra more',
      ].sort(),
    );
  });

  it('takes what is only held back for no difference', async () => {
    const database = uniqueName('verify_held');
    for (const [side, unique] of [
      ['source', true],
      ['target', false],
    ] as const) {
      await using client = await testClient(servers[side].uri);
      await client.command(database, {
        createIndexes: 'held',
        indexes: [{ key: { a: 1 }, name: 'a', unique }],
      });
    }
    const report = await verify(servers, [database]);
    expect(linesOf(report)).toEqual(['held: index-different a: unique (held back)']);
    expect(report.same).toBe(true);
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
    const capture = migration.start('capture');
    await migration.reached('snapshot-completed', capture);
    const load = migration.start('load');
    await migration.reached('caught-up', capture, load);
    await awaitUntil('the load has caught up', async () =>
      (await migration.loadLog()).milestones.some(({ name }) => name === 'caught-up'),
    );
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

await describeWithServer(
  'waybill verify of a source of version 4.0',
  (servers) => {
    it('compares documents, options and indexes across nine years of servers', async () => {
      const database = uniqueName('verify_oldest');
      await insertCorpus(servers.source.uri, { database });
      await using source = await testClient(servers.source.uri);
      await source.command(database, {
        create: 'old',
        autoIndexId: true,
        capped: true,
        size: 5000,
        collation: { locale: 'de', strength: 1 },
      });
      await source.command(database, { create: 'checked', validator: { a: { $exists: true } } });
      await source.command(database, {
        createIndexes: 'checked',
        indexes: [
          { key: { a: 1 }, name: 'legacy', background: true, dropDups: true, sparse: false },
          { key: { t: 'text' }, name: 'text', weights: { t: 3 } },
        ],
      });
      await using current = await startServer({ replSet: 'copy' });
      await using target = await testClient(current.uri);
      // A copy by hand: what the old server says, told to the new one.
      const entries = await source.client.db(database).listCollections().toArray();
      for (const info of entries.sort((a, c) => (a.type ?? '').localeCompare(c.type ?? ''))) {
        if (info.name.startsWith('system.')) continue;
        const { autoIndexId: _, ...options } = (info as { options?: Record<string, unknown> }).options ?? {};
        await target.command(database, { create: info.name, ...options });
        if (info.type === 'view') continue;
        const documents: Buffer[] = [];
        for await (const one of source.read(database, info.name, { natural: true })) documents.push(one);
        await target.insert(database, info.name, documents, { bypassEmptyTsReplacement: true });
        const indexes = await source.client.db(database).collection(info.name).indexes();
        const specs = indexes
          .filter(({ name }) => name !== '_id_')
          .map(({ ns: _ns, dropDups: _d, background: _b, ...spec }) => spec);
        const simple = options.collation === undefined ? {} : { collation: { locale: 'simple' } };
        if (specs.length > 0)
          await target.command(database, {
            createIndexes: info.name,
            indexes: specs.map((spec) => ({ ...simple, ...spec })),
          });
      }
      const report = await verify({ source: servers.source, target: current }, [database], {
        rangeBytes: 1000,
      });
      expect(linesOf(report)).toEqual([]);
      expect(report.same).toBe(true);
      await target.client.db(database).collection('values').deleteOne({});
      const after = await verify({ source: servers.source, target: current }, [database]);
      expect(linesOf(after).filter((line) => line.includes('missing,'))).toEqual([
        'values: 1 missing, 0 extra, 0 different, 0 changing',
      ]);
    });
  },
  { source: 'oldest' },
);
