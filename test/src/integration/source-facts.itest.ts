/**
 * What a capture asks of a source besides documents: what is there, which cluster it is, and its
 * time.
 */
import { findElement } from '@waybill/shared/bson/raw';
import { openBucket } from '@waybill/shared/bucket/open/open-bucket';
import { connect } from '@waybill/shared/mongo/driver/connect';
import type { MongoConnection } from '@waybill/shared/mongo/driver/connection';
import { openCursor } from '@waybill/shared/mongo/driver/cursor';
import { listCatalog, listDatabases } from '@waybill/shared/mongo/facts/catalog';
import { NamespaceFilter } from '@waybill/shared/mongo/facts/namespace-filter';
import { currentOperationTime } from '@waybill/shared/mongo/facts/operation-time';
import { isKnownAs, sourceIdentity } from '@waybill/shared/mongo/facts/source-identity';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { temporaryBucket } from '../support/bucket.ts';
import { connectSource, startCapture } from '../support/capturing.ts';
import { testClient } from '../support/raw.ts';
import { describeWithServer, type ServerKind, startServer, uniqueName } from '../support/servers.ts';

for (const kind of ['current', 'oldest'] as const satisfies readonly ServerKind[]) {
  await describeWithServer(
    `facts of a source, ${kind} server`,
    (servers) => {
      const database = uniqueName('facts');
      let connection: MongoConnection;

      beforeAll(async () => {
        connection = await connect(servers.source.uri, { role: 'source' });
      });
      afterAll(async () => {
        await connection?.command(database, { dropDatabase: 1 });
        await connection?.close();
      });

      it('has a time that no acknowledged write is after', async () => {
        for (let round = 0; round < 20; round++) {
          const written = await connection.command(database, { insert: 'w', documents: [{ round }] });
          await using other = await connect(servers.source.uri, { role: 'source' });
          const time = await currentOperationTime(other);
          expect(typeof written.operationTime).toBe('bigint');
          expect(time >= (written.operationTime as bigint)).toBe(true);
        }
      });

      it('is the same cluster through every connection, and not another', async () => {
        await using again = await connect(servers.source.uri, { role: 'source' });
        await using other = await connect(servers.target.uri, { role: 'target' });
        const identity = await sourceIdentity(connection);
        expect(identity).toEqual({
          id: expect.stringMatching(/^[0-9a-f]{24}$/),
          basis: 'replicaSetId',
          topology: 'replicaSet',
          ids: [identity.id, expect.stringMatching(/^[0-9a-f]{32}$/), expect.any(String)],
          unread: [],
        });
        expect(await sourceIdentity(again)).toEqual(identity);
        expect((await sourceIdentity(other)).id).not.toBe(identity.id);
        expect(isKnownAs(await sourceIdentity(other), identity.id)).toBe(false);
      });

      it('lists collections with what decides how they are copied', async () => {
        const run = (command: Record<string, unknown>) => connection.command(database, command);
        await run({ create: 'plain' });
        await run({
          insert: 'plain',
          documents: [
            { _id: 1, a: 'x' },
            { _id: 2, a: 'y' },
          ],
        });
        await run({
          createIndexes: 'plain',
          indexes: [{ key: { a: 1 }, name: 'a_1', unique: true, sparse: true }],
        });
        await run({ create: 'capped', capped: true, size: 4096 });
        await run({ create: 'collated', collation: { locale: 'de', strength: 1 } });
        await run({ create: 'view', viewOn: 'plain', pipeline: [{ $match: { a: 'x' } }] });
        if (kind === 'current') {
          await run({ create: 'clustered', clusteredIndex: { key: { _id: 1 }, unique: true } });
          await run({ create: 'series', timeseries: { timeField: 't' } });
        }
        const filter = new NamespaceFilter({ include: [database], exclude: [`${database}.w`] });
        const catalog = await listCatalog(connection, filter);
        const facts = Object.fromEntries(
          catalog.map(({ name, type, uuid, capped, clustered, collated, indexes, documents }) => [
            name,
            {
              type,
              uuid: uuid?.length ?? 0,
              capped,
              clustered,
              collated,
              indexes: indexes.length,
              documents,
            },
          ]),
        );
        const plain = {
          type: 'collection',
          uuid: 16,
          capped: false,
          clustered: false,
          collated: false,
          indexes: 1,
        };
        expect(facts).toMatchObject({
          plain: { ...plain, indexes: 2, documents: 2 },
          capped: { ...plain, capped: true, documents: 0 },
          collated: { ...plain, collated: true },
          view: { ...plain, type: 'view', uuid: 0, indexes: 0 },
          ...(kind === 'current' && {
            clustered: { ...plain, clustered: true },
            series: { type: 'timeseries' },
          }),
        });
        expect(Object.keys(facts)).toHaveLength(kind === 'current' ? 6 : 4);
        const unique = catalog.find(({ name }) => name === 'plain')?.indexes[1];
        expect(unique && findElement(unique, 'sparse')?.type).toBe(8);
        expect(catalog.map(({ namespace }) => namespace)).toEqual(
          catalog.map(({ namespace }) => namespace).sort(),
        );
        expect(await listDatabases(connection)).toContain(database);
      });

      it('hands over batches of about the size asked for, and the whole of it', async () => {
        const documents = Array.from({ length: 5000 }, (_, _id) => ({ _id, pad: 'x'.repeat(200) }));
        await connection.command(database, { insert: 'batches', documents });
        for (const prefetch of [false, true]) {
          await using cursor = await openCursor(
            connection,
            database,
            { find: 'batches' },
            { prefetch, targetBatchBytes: 50_000 },
          );
          const sizes: number[] = [];
          let count = 0;
          for (let batch = await cursor.next(); batch; batch = await cursor.next()) {
            sizes.push(batch.bytes);
            count += batch.documents.length;
          }
          expect(count).toBe(5000);
          expect(cursor.isOpen).toBe(false);
          expect(Math.max(...sizes)).toBeLessThan(60_000);
          expect(Math.min(...sizes.slice(1, -1))).toBeGreaterThan(40_000);
        }
      });
    },
    { source: kind },
  );
}

await describeWithServer('sources that will not do', (servers) => {
  it('says how to make a standalone server a source', async () => {
    await using server = await startServer();
    await using connection = await connect(server.uri, { role: 'source' });
    expect(connection.server.topology).toBe('standalone');
    await expect(sourceIdentity(connection)).rejects.toMatchObject({
      code: 'SOURCE_NOT_REPLICA_SET',
      hint: expect.stringContaining('replSet'),
    });
    await expect(currentOperationTime(connection)).rejects.toMatchObject({ code: 'SOURCE_NOT_REPLICA_SET' });
  });

  it('makes do with few privileges, and names what is missing', async () => {
    await using server = await startServer({ replSet: 'guarded', auth: true });
    await using root = await connect(server.uri, { role: 'source' });
    await root.command('admin', {
      createUser: 'reader',
      pwd: 'p@ss:word/',
      roles: ['readAnyDatabase'],
      writeConcern: { w: 'majority' },
    });
    await root.command('shop', {
      insert: 'orders',
      documents: [{ _id: 1 }],
      writeConcern: { w: 'majority' },
    });
    const uri = server.anonymousUri.replace(
      'mongodb://',
      `mongodb://reader:${encodeURIComponent('p@ss:word/')}@`,
    );
    await using reader = await connect(uri, { role: 'source' });
    expect(reader.url).toBe(`mongodb://127.0.0.1:${server.port}`);
    expect(await sourceIdentity(root)).toMatchObject({ basis: 'replicaSetId' });
    const identity = await sourceIdentity(reader);
    expect(identity).toMatchObject({ basis: 'collectionUuid', id: expect.stringMatching(/^[0-9a-f]{32}$/) });
    // With more rights later, the user still gets the cluster that it knows.
    expect(isKnownAs(await sourceIdentity(root), identity.id)).toBe(true);
    await using other = await connect(servers.target.uri, { role: 'target' });
    expect(isKnownAs(await sourceIdentity(other), identity.id)).toBe(false);
    expect(await currentOperationTime(reader)).toBeGreaterThan(0n);
    expect(await listCatalog(reader, new NamespaceFilter())).toHaveLength(1);
    await using folder = await temporaryBucket();
    const bucket = await openBucket(folder.url);
    for (const source of [reader, root]) {
      const { ended } = await startCapture(source, bucket, { include: ['shop'], until: 'caught-up' }).ended;
      expect(ended).toBe('caught-up');
    }
    await expect(reader.command('shop', { insert: 'orders', documents: [{ _id: 2 }] })).rejects.toMatchObject(
      {
        code: 'MONGO_UNAUTHORIZED',
        kind: 'usage',
        hint: expect.stringContaining('readAnyDatabase'),
      },
    );
    await expect(connect(server.anonymousUri, { role: 'source' })).rejects.toMatchObject({
      code: 'MONGO_AUTHENTICATION',
      hint: expect.stringContaining('no user'),
    });
  });
});

await describeWithServer('a listing', () => {
  it('tells what it names, whatever is renamed meanwhile', async () => {
    // Between the names and the indexes.
    await using server = await startServer({
      replSet: 'held',
      args: ['--setParameter', 'enableTestCommands=1'],
    });
    await using client = await testClient(server.uri);
    await using source = await connectSource(server.uri);
    const db = client.client.db('shop');
    for (const name of ['away', 'gone', 'one', 'other', 'over', 'stays']) {
      await db.collection(name).createIndex({ [name]: 1 });
    }
    const before = await listCatalog(source, new NamespaceFilter());
    const configure = (mode: unknown, data: unknown) =>
      client.command('admin', { configureFailPoint: 'failCommand', mode, data });
    const data = { failCommands: ['listIndexes'], blockConnection: true, blockTimeMS: 2000 };
    await configure({ times: before.length }, data);
    const listing = listCatalog(source, new NamespaceFilter());
    await client.command('admin', { waitForFailPoint: 'failCommand', timesEntered: 1, maxTimeMS: 20_000 });
    await db.collection('away').rename('elsewhere');
    await db.collection('away').createIndex({ newcomer: 1 });
    await db.collection('gone').drop();
    await db.collection('one').rename('t');
    await db.collection('other').rename('one');
    await db.collection('t').rename('other');
    await db.collection('over').rename('stays', { dropTarget: true });

    const uuids = new Map(before.map(({ namespace, uuid }) => [uuid?.toString('hex'), namespace]));
    const listed = (await listing).map(({ namespace, uuid, indexes }) => [
      uuids.get(uuid?.toString('hex')),
      namespace,
      indexes.filter((index) => !index.includes('_id_')).map((index) => /(\w+)_1/.exec(String(index))?.[1]),
    ]);
    expect(listed).toEqual([
      [undefined, 'shop.away', ['newcomer']],
      ['shop.away', 'shop.elsewhere', ['away']],
      ['shop.other', 'shop.one', ['other']],
      ['shop.one', 'shop.other', ['one']],
      ['shop.over', 'shop.stays', ['over']],
    ]);
  });
});
