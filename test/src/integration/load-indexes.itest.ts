/** Secondary indexes on the target: made, held back, changed by the stream, and given back. */
import { fromObject, type Plain } from '@waybill/shared/bson/build';
import { expect } from 'vitest';
import { itLoadsStructure } from '../support/load-structure.ts';
import { describeWithServer } from '../support/servers.ts';
import { put } from '../support/stream-builder.ts';

const ID_INDEX = fromObject({ v: 2, key: { _id: 1 }, name: '_id_' });

await describeWithServer('indexes on the target', (servers) => {
  const it = itLoadsStructure(() => servers.target.uri, 'indexes');

  const specs = [
    fromObject({ v: 2, key: { a: 1, b: -1 }, name: 'compound' }),
    fromObject({ v: 2, unique: true, key: { state: 1 }, name: 'unique' }),
    fromObject({ v: 2, key: { at: 1 }, name: 'ttl', expireAfterSeconds: 5n }),
    fromObject({ v: 2, key: { h: 1 }, name: 'hidden', hidden: true }),
    fromObject({ v: 2, key: { s: 1 }, name: 'sparse', sparse: true }),
    fromObject({
      v: 2,
      key: { state: 1 },
      name: 'partial',
      partialFilterExpression: { state: { $gt: 5 } },
    }),
    fromObject({ v: 2, key: { 'w.$**': 1 }, name: 'wildcard' }),
    fromObject({
      v: 2,
      key: { _fts: 'text', _ftsx: 1 },
      name: 'text',
      weights: { t: 3, u: 1 },
      default_language: 'german',
      language_override: 'lang',
      textIndexVersion: 3,
    }),
    fromObject({ v: 2, key: { p: '2d' }, name: 'flat', min: -10, max: 10, bits: 20 }),
    fromObject({ v: 2, key: { g: '2dsphere' }, name: 'sphere', '2dsphereIndexVersion': 3 }),
    fromObject({ v: 2, key: { x: 'hashed' }, name: 'hashed' }),
    fromObject({ v: 1, key: { old: 1 }, name: 'old' }),
    fromObject({ v: 2, key: { _id: 2 }, name: 'id again' }),
    fromObject({ v: 2, key: { _id: 'hashed' }, name: 'id hashed' }),
    fromObject({ v: 2, unique: true, hidden: true, key: { two: 1 }, name: 'both', sparse: true }),
    fromObject({ v: 2, key: { p: 'geoHaystack', q: 1 }, name: 'haystack', bucketSize: 5 }),
  ];
  const documents = [1, 2, 3].map((n) =>
    fromObject({
      _id: n,
      state: n,
      at: new Date(0),
      two: n,
      g: { type: 'Point', coordinates: [1, 2] },
      p: [1, 2],
    }),
  );

  it('stand there in their held-back form, and come back at cutover, twice', async ({
    orders,
    stream,
    run,
    restore,
    indexes,
  }) => {
    await stream.snapshot([{ namespace: orders, indexes: [ID_INDEX, ...specs], documents }]);
    await stream.milestone('caught-up');
    const { indexes: report } = await run();
    expect(report.filter(({ verdict }) => verdict !== 'ok')).toEqual([
      {
        namespace: orders,
        name: 'haystack',
        verdict: 'skipped',
        note: expect.stringContaining('geoHaystack'),
      },
    ]);
    const heldBack = await indexes();
    expect(heldBack.size).toBe(specs.length - 1);
    expect(heldBack.get('unique')).not.toHaveProperty('unique');
    expect(heldBack.get('ttl')).not.toHaveProperty('expireAfterSeconds');
    expect(heldBack.get('hidden')).not.toHaveProperty('hidden');
    expect(heldBack.get('text')).toMatchObject({ weights: { t: 3, u: 1 }, default_language: 'german' });
    expect(heldBack.get('flat')).toMatchObject({ min: -10, max: 10, bits: 20 });
    expect(heldBack.get('old')).toMatchObject({ v: 1 });

    const first = await restore('unique', 'hidden');
    expect(first.filter(({ outcome }) => outcome !== 'restored').map(({ index }) => index)).toEqual([
      'haystack',
    ]);
    expect((await indexes()).get('ttl')).not.toHaveProperty('expireAfterSeconds');
    for (let round = 0; round < 2; round++) {
      await restore();
      const restored = await indexes();
      expect(restored.get('unique')).toMatchObject({ unique: true });
      expect(restored.get('both')).toMatchObject({ unique: true, hidden: true, sparse: true });
      expect(restored.get('hidden')).toMatchObject({ hidden: true });
      expect(restored.get('ttl')).toMatchObject({ expireAfterSeconds: 5 });
      expect(restored.get('compound')).not.toHaveProperty('unique');
    }
  });

  it('leave one of their name alone that stood there before, with another key', async ({
    client,
    database,
    orders,
    stream,
    run,
    indexes,
  }) => {
    const there = await client.client.db(database).createCollection('orders');
    await there.createIndexes([
      { key: { mine: 1 }, name: 'set aside' },
      { key: { mine: -1 }, name: 'dropped' },
    ]);
    const [aside, ours, dropped] = ['set aside', 'ours', 'dropped'].map((name) => ({
      v: 2,
      key: name === 'ours' ? { a: 1, b: 1 } : { b: 1, a: 1 },
      name,
    }));
    const all = [aside!, ours!, dropped!].map((spec) => fromObject(spec));
    await stream.snapshot([{ namespace: orders, indexes: [ID_INDEX, ...all], documents: [] }]);
    // From the future: the stream drops the index a moment later.
    await stream.changes([put(orders, fromObject({ _id: 1, a: [1, 2], b: [3, 4] }))]);
    await stream.ddl([
      { operation: 'dropIndexes', namespace: orders, description: { indexes: [ours!, dropped!] } },
    ]);
    await stream.milestone('caught-up');
    await run();
    expect([...(await indexes()).keys()].sort()).toEqual(['dropped', 'set aside']);
  });

  it('take both of two states that a unique index would refuse on the way, and report what stays', async ({
    client,
    database,
    orders,
    stream,
    run,
    restore,
    indexes,
  }) => {
    const unique = fromObject({ v: 2, unique: true, key: { state: 1 }, name: 'unique' });
    await stream.snapshot([
      { namespace: orders, indexes: [ID_INDEX, unique], documents: [fromObject({ _id: 1, state: 1 })] },
    ]);
    await stream.changes([put(orders, fromObject({ _id: 2, state: 1 }))]);
    await stream.milestone('caught-up');
    await run();
    expect(await restore()).toEqual([
      {
        namespace: orders,
        index: 'unique',
        outcome: 'refused',
        note: expect.stringContaining('more than one document'),
      },
    ]);
    expect((await indexes()).get('unique')).not.toHaveProperty('prepareUnique');
    await client.client.db(database).collection<{ _id: number }>('orders').deleteOne({ _id: 2 });
    expect(await restore()).toMatchObject([{ outcome: 'restored' }]);
    expect((await indexes()).get('unique')).toMatchObject({ unique: true });
  });

  it('are told apart by their uniqueness alone: the second waits for cutover', async ({
    orders,
    stream,
    run,
    restore,
    indexes,
  }) => {
    const plain = fromObject({ v: 2, key: { state: 1 }, name: 'plain' });
    const unique = fromObject({ v: 2, unique: true, key: { state: 1 }, name: 'unique' });
    await stream.snapshot([{ namespace: orders, indexes: [ID_INDEX, plain, unique], documents }]);
    await stream.milestone('caught-up');
    const { indexes: report } = await run();
    expect(report.map(({ verdict }) => verdict)).toEqual(['ok', 'deferred']);
    await restore();
    expect([...(await indexes()).keys()].sort()).toEqual(['plain', 'unique']);
    expect((await indexes()).get('unique')).toMatchObject({ unique: true });
  });

  it('say that they are simple in a collated collection', async ({ orders, stream, run, indexes }) => {
    const collation = { locale: 'en', strength: 2 };
    const options = fromObject({ collation });
    const simple = fromObject({ v: 2, key: { state: 1 }, name: 'simple' });
    const text = fromObject({
      v: 2,
      key: { _fts: 'text', _ftsx: 1 },
      name: 'text',
      weights: { t: 1 },
      default_language: 'english',
      language_override: 'language',
      textIndexVersion: 3,
    });
    const collated = fromObject({ v: 2, key: { state: 1 }, name: 'collated', collation });
    await stream.snapshot([{ namespace: orders, options, indexes: [simple, text, collated], documents: [] }]);
    await stream.milestone('caught-up');
    const { indexes: report } = await run();
    expect(report.map(({ verdict }) => verdict)).toEqual(['ok', 'ok', 'ok']);
    const found = await indexes();
    expect(found.get('simple')).not.toHaveProperty('collation');
    expect(found.get('text')).not.toHaveProperty('collation');
    expect(found.get('collated')).toMatchObject({ collation });
  });

  it('follow the stream: created, dropped, modified, and what is wanted is restored', async ({
    client,
    database,
    orders,
    stream,
    run,
    restore,
    indexes,
  }) => {
    await stream.snapshot([{ namespace: orders, indexes: [ID_INDEX], documents }]);
    await run({ until: 'snapshot-applied' });
    const unique = { v: 2, unique: true, key: { state: 1 }, name: 'u' };
    const ttl = { v: 2, key: { at: 1 }, name: 't', expireAfterSeconds: 50 };
    const gone = { v: 2, key: { gone: 1 }, name: 'gone' };
    await stream.ddl([
      { operation: 'createIndexes', namespace: orders, description: { indexes: [unique, ttl, gone] } },
      { operation: 'dropIndexes', namespace: orders, description: { indexes: [gone] } },
      {
        operation: 'modify',
        namespace: orders,
        description: { index: { name: 't', expireAfterSeconds: 70 } },
      },
      { operation: 'modify', namespace: orders, description: { index: { name: 'u', hidden: true } } },
      {
        operation: 'createIndexes',
        namespace: orders,
        description: { indexes: [{ v: 2, key: { late: 1 }, name: 'late' }] },
      },
      {
        operation: 'modify',
        namespace: orders,
        description: { index: { name: 'late', prepareUnique: true } },
      },
      { operation: 'modify', namespace: orders, description: { index: { name: 'late', unique: true } } },
      { operation: 'rename', namespace: orders, to: `${database}.sold` },
    ]);
    await stream.milestone('caught-up');
    await run();
    const found = await indexes('sold');
    expect([...found.keys()].sort()).toEqual(['late', 't', 'u']);
    expect(found.get('t')).not.toHaveProperty('expireAfterSeconds');
    for (const index of found.values()) {
      expect(index).not.toHaveProperty('unique');
      expect(index).not.toHaveProperty('hidden');
    }
    // `late` has no documents with a value each: two nulls would collide.
    await client.client
      .db(database)
      .collection<{ _id: number }>('sold')
      .deleteMany({ _id: { $gt: 1 } });
    await restore();
    const restored = await indexes('sold');
    expect(restored.get('u')).toMatchObject({ unique: true, hidden: true });
    expect(restored.get('t')).toMatchObject({ expireAfterSeconds: 70 });
    expect(restored.get('late')).toMatchObject({ unique: true });
  });

  it('wait or stay away as --indexes says', async ({ orders, stream, run, restore, indexes }) => {
    const plain = fromObject({ v: 2, key: { state: 1 }, name: 'plain' });
    const later: Plain = { v: 2, key: { later: 1 }, name: 'later', unique: true };
    await stream.snapshot([{ namespace: orders, indexes: [ID_INDEX, plain], documents }]);
    await stream.ddl([{ operation: 'createIndexes', namespace: orders, description: { indexes: [later] } }]);
    await stream.milestone('caught-up');
    const note = 'the load was given --indexes none';
    expect((await run({ indexes: 'none' })).indexes).toMatchObject([
      { name: 'plain', verdict: 'skipped', note },
      { name: 'later', verdict: 'skipped', note },
    ]);
    expect(await restore()).toMatchObject([
      { index: 'plain', outcome: 'skipped', note },
      { index: 'later', outcome: 'skipped', note },
    ]);
    expect((await indexes()).size).toBe(0);
    await stream.ddl([{ operation: 'dropIndexes', namespace: orders, description: { indexes: [later] } }]);
    await run({ indexes: 'last' });
    expect((await indexes()).size).toBe(0);
    await stream.milestone('drained');
    await run({ indexes: 'last', until: 'drained' });
    expect([...(await indexes()).keys()]).toEqual(['plain']);
  });
});
