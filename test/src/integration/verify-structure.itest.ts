/**
 * The differences that verify finds in collections, options and indexes, also between the oldest
 * source and a new target.
 */
import { expect, it } from 'vitest';
import { insertCorpus } from '../corpus/corpus.ts';
import * as b from '../support/bson/bytes.ts';
import { testClient } from '../support/raw.ts';
import { describeWithServer, startServer, uniqueName } from '../support/servers.ts';
import { linesOf, numbered, verify } from '../support/verifying.ts';

await describeWithServer('waybill verify of structure', (servers) => {
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

    it('tells of another order in a capped collection, which the source tells nobody, and does not refuse it', async () => {
      const database = uniqueName('verify_order');
      for (const [side, ids] of [
        ['source', [1, 2, 3, 4]],
        ['target', [2, 1, 3, 4]],
      ] as const) {
        await using client = await testClient(servers[side].uri);
        await client.command(database, { create: 'log', capped: true, size: 8192 });
        await client.insert(
          database,
          'log',
          ids.map((id) => b.document(['_id', b.int32(id)])),
        );
      }
      const report = await verify(servers, [database]);
      expect(linesOf(report)).toEqual([expect.stringMatching(/^log: order-untold \d+ documents/)]);
      expect(report.same).toBe(true);
    });
  },
  { source: 'oldest' },
);
