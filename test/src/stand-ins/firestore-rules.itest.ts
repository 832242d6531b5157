/** The stand-in for Firestore keeps its rules. The suites about loads rely on it. */
import * as b from '@waybill/shared/bson/build';
import { MongoClient } from 'mongodb-4-0';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { awaitUntil } from '../support/await-until.ts';
import { testClient } from '../support/raw.ts';
import { describeWithServer, uniqueName } from '../support/servers.ts';
import { FIRESTORE } from '../support/stand-ins/firestore.ts';
import { FIRESTORE_CASES, holding, index, regex } from '../support/stand-ins/firestore-cases.ts';
import { ask, codeOf, insert, ruleCases } from '../support/stand-ins/rule-cases.ts';
import { StandIn } from '../support/stand-ins/stand-in.ts';

await describeWithServer('the stand-in for Firestore', (servers) => {
  let standIn: StandIn;
  const database = uniqueName('firestore');
  beforeAll(async () => {
    const options = {
      uri: servers.target.uri,
      database,
      query: { loadBalanced: 'true', retryWrites: 'false' },
    };
    standIn = await StandIn.start(FIRESTORE, options);
  });
  afterAll(() => standIn?.[Symbol.asyncDispose]());

  ruleCases(() => standIn, FIRESTORE, FIRESTORE_CASES, ['index-entry']);

  it('builds an index later, and then refuses entries that are too large', async () => {
    const large = (id: number) => ({ insert: 'indexed', documents: [{ _id: id, v: 'x'.repeat(7700) }] });
    expect(codeOf(await ask(standIn, large(1)))).toBe('ok');
    const built = await ask(standIn, { createIndexes: 'others', indexes: [index({ v: 1 })] });
    expect(built).toEqual({ ok: 1 });
    expect(codeOf(await ask(standIn, { createIndexes: 'indexed', indexes: [index({ v: 1 })] }))).toBe('ok');
    expect(await indexNames('indexed')).toEqual(['_id_']);
    await awaitUntil('the index is built', async () => (await indexNames('indexed')).length === 2);
    expect(codeOf(await ask(standIn, large(2)))).toBe(2);
    expect(codeOf(await ask(standIn, { insert: 'indexed', documents: [{ _id: 3, v: 'x' }] }))).toBe('ok');
    expect(codeOf(await ask(standIn, { drop: 'indexed' }))).toBe('ok');
    expect(codeOf(await ask(standIn, large(2)))).toBe('ok');
  });

  const indexNames = async (collection: string): Promise<string[]> => {
    await using client = await testClient(standIn.uri);
    const indexes = await client.client.db(database).collection(collection).indexes();
    return indexes.map(({ name }) => name ?? '');
  };

  it('answers a batch one by one, and does what it does not refuse', async () => {
    const documents = [{ _id: 'b1' }, { _id: new Date(0) }, { _id: 'b1' }, { _id: 'b2' }, { _id: '__b__' }];
    expect(await ask(standIn, { insert: 'batch', documents, ordered: false })).toMatchObject({
      n: 2,
      ok: 1,
      writeErrors: [
        { index: 1, code: 2 },
        { index: 2, code: 11000 },
        { index: 4, code: 2 },
      ],
    });
    const ordered = { insert: 'batch', documents: [{ _id: 'b3' }, ...documents] };
    expect(await ask(standIn, ordered)).toMatchObject({ n: 1, writeErrors: [{ index: 1, code: 11000 }] });
    expect(await ask(standIn, { ...ordered, documents: documents.slice(1) })).toMatchObject({
      n: 0,
      writeErrors: [{ index: 0, code: 2 }],
    });
  });

  it('stores canonical values, and gives neither times nor uuids', async () => {
    const nan = { type: 1, bytes: Buffer.from('010000000000f8ff', 'hex') };
    const decimals = ['7c', 'fc', '78', 'f8'].map((top) => ({
      type: 0x13,
      bytes: Buffer.from(`0100000000000000000000000000${'00'}${top}`, 'hex'),
    }));
    await ask(standIn, { insert: 'canonical', documents: [{ _id: 1, v: [nan, ...decimals, regex('sim')] }] });
    await using client = await testClient(standIn.uri);
    const [stored] = await Array.fromAsync(client.read(database, 'canonical'));
    const zeros = '00'.repeat(15);
    const canonical = ['7c', '7c', '78', 'f8'].map((top) => ({
      type: 0x13,
      bytes: Buffer.from(`${zeros}${top}`, 'hex'),
    }));
    const good = { type: 1, bytes: Buffer.from('000000000000f87f', 'hex') };
    expect(stored).toEqual(b.fromObject({ _id: 1, v: [good, ...canonical, regex('ims')] }));
    const reply = await client.command(database, { listCollections: 1, filter: { name: 'canonical' } });
    expect(reply).not.toHaveProperty('operationTime');
    expect(reply.cursor.firstBatch).toMatchObject([{ name: 'canonical', info: { readOnly: false } }]);
    expect(JSON.stringify(reply)).not.toContain('uuid');
  });

  it('does nothing to create a collection', async () => {
    expect(codeOf(await ask(standIn, { create: 'never' }))).toBe('ok');
    await using client = await testClient(standIn.uri);
    expect(await client.client.db(database).listCollections({ name: 'never' }).toArray()).toEqual([]);
  });

  it('is strained as a test likes it', async () => {
    const { strain, traffic } = standIn;
    const documents = (count: number) => insert(...Array.from({ length: count }, () => holding(1)));
    strain.documentsPerSecond = 0.001;
    expect(await ask(standIn, documents(3))).toMatchObject({
      ok: 0,
      code: 112,
      errorLabels: ['RetryableError'],
    });
    strain.documentsPerSecond = null;
    strain.statementsInTime = 4;
    const before = await stored();
    expect(codeOf(await ask(standIn, documents(6)))).toBe(262);
    expect((await stored()) - before).toBe(3);
    strain.statementsInTime = null;
    strain.resets = 1;
    await expect(ask(standIn, documents(1))).rejects.toThrow();
    expect((await stored()) - before).toBe(4);
    expect(traffic.writes(`${database}.things`).slice(-3)).toMatchObject(
      [112, 262, 'lost'].map((answer) => ({ command: 'insert', answer, underWay: 1 })),
    );
    expect(traffic.count('count')).toBeGreaterThanOrEqual(3);
  });

  it('may push single statements back', async () => {
    const { strain } = standIn;
    Object.assign(strain, { documentsPerSecond: 2, pushesBack: 'statements' });
    const answer = await awaitUntil('some of a batch is written', async () => {
      const one = await ask(standIn, insert(...[1, 2, 3, 4].map(() => holding(1))));
      return one.ok === 1 ? one : undefined;
    });
    expect(answer.writeErrors?.every(({ code }) => code === 112)).toBe(true);
    expect(answer.n! + answer.writeErrors!.length).toBe(4);
    strain.documentsPerSecond = null;
  });

  const stored = async (): Promise<number> => (await ask(standIn, { count: 'things' })).n ?? 0;

  it('is reached by a driver that says loadBalanced, and by no other', async () => {
    await using client = await testClient(standIn.uri);
    expect(await client.command(database, { ping: 1 })).toMatchObject({ ok: 1 });
    const other = new MongoClient(standIn.uri.replace('loadBalanced=true', ''), {
      serverSelectionTimeoutMS: 300,
    });
    await expect(other.connect()).rejects.toThrow();
    await other.close();
  });
});
