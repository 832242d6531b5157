/** Shows what raw commands rely on inside both drivers: bytes must arrive unchanged. */

import { writeOutcome } from '@waybill/load/target/mongodb/write-outcome';
import { connect } from '@waybill/shared/mongo/driver/connect';
import type { MongoConnection } from '@waybill/shared/mongo/driver/connection';
import { openCursor } from '@waybill/shared/mongo/driver/cursor';
import { RawSequence, rawArray, rawDocument } from '@waybill/shared/mongo/driver/raw-value';
import type { CommandReply } from '@waybill/shared/mongo/driver/reply';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { array, document, double, type Field, int32, int64, object, string } from '../support/bson/bytes.ts';
import { describeWithServer, type ServerKind, uniqueName } from '../support/servers.ts';

/**
 * Duplicate and integer-like keys out of order, a prototype's name, a dot, invalid UTF-8, a whole
 * double, a long.
 */
const AWKWARD: readonly Field[] = [
  ['a', int32(1)],
  ['a', int32(2)],
  ['2', double(1)],
  ['1', int64(1n)],
  ['__proto__', object(['constructor', int32(1)])],
  ['a.b', int32(3)],
  ['text', string(Buffer.from([0x61, 0xff, 0xfe]))],
  [Buffer.from([0x6b, 0xc3]), int32(4)],
  ['ä', string('ü')],
];
const DOLLAR: Field = ['$x', int32(5)];

for (const kind of ['current', 'oldest'] as const satisfies readonly ServerKind[]) {
  await describeWithServer(
    `raw commands, ${kind} server`,
    (servers) => {
      const database = uniqueName('raw');
      // 4.0 stores no top-level name that starts with a dollar.
      const fields = kind === 'oldest' ? AWKWARD : [...AWKWARD, DOLLAR];
      const awkward = (id: number): Buffer => document(['_id', int32(id)], ...fields);
      let connection: MongoConnection;

      beforeAll(async () => {
        connection = await connect(servers.source.uri, { role: 'source' });
      });
      afterAll(async () => {
        await connection?.command(database, { dropDatabase: 1 });
        await connection?.close();
      });

      const readAll = async (command: Record<string, unknown>): Promise<Buffer[]> => {
        await using cursor = await openCursor(connection, database, command);
        const found: Buffer[] = [];
        for (let batch = await cursor.next(); batch; batch = await cursor.next())
          found.push(...batch.documents);
        return found;
      };

      it('sends document sequences and gets the same bytes back', async () => {
        const documents = [awkward(1), awkward(2)];
        const reply = await connection.command(database, {
          insert: 'c',
          documents: new RawSequence(documents),
        });
        expect(writeOutcome(reply)).toEqual({
          n: 2,
          nModified: undefined,
          writeErrors: [],
          writeConcernError: null,
        });
        expect(await readAll({ find: 'c', sort: { _id: 1 } })).toEqual(documents);
      });

      it('sends updates and deletes as sequences', async () => {
        const replacement = awkward(7);
        const update = document(
          ['q', object(['_id', int32(7)])],
          ['u', { type: 3, bytes: replacement }],
          ['upsert', { type: 8, bytes: Buffer.from([1]) }],
        );
        await connection.command(database, { update: 'u', updates: new RawSequence([update]) });
        expect(await readAll({ find: 'u' })).toEqual([replacement]);
        const remove = document(['q', object(['_id', double(7)])], ['limit', int32(1)]);
        const reply = await connection.command(database, { delete: 'u', deletes: new RawSequence([remove]) });
        expect(writeOutcome(reply).n).toBe(1);
      });

      it('sends fields of any type and length of name', async () => {
        await connection.command(database, {
          insert: 'f',
          documents: rawArray(array({ type: 3, bytes: awkward(1) }, { type: 3, bytes: awkward(2) }).bytes),
          comment: kind === 'current' ? rawDocument(document(...fields)) : undefined,
        });
        const filter = rawDocument(
          document(['a.b', object(['$exists', { type: 8, bytes: Buffer.from([0]) }])]),
        );
        expect(await readAll({ find: 'f', filter: rawDocument(document(['_id', int64(2n)])) })).toEqual([
          awkward(2),
        ]);
        expect(await readAll({ find: 'f', filter })).toHaveLength(2);
        const pipeline = rawArray(array(object(['$match', object(['_id', double(1)])])).bytes);
        expect(await readAll({ aggregate: 'f', pipeline })).toEqual([awkward(1)]);
      });

      it('keeps a large command that is sent again intact', async () => {
        const documents = Array.from({ length: 3000 }, (_, id) => awkward(id));
        const command = { insert: 'twice', ordered: false, documents: new RawSequence(documents) };
        expect(writeOutcome(await connection.command(database, command)).n).toBe(3000);
        const again = writeOutcome(await connection.command(database, command));
        expect(again.writeErrors).toHaveLength(3000);
        expect(again.writeErrors[2999]).toEqual({
          index: 2999,
          code: 11000,
          message: expect.not.stringContaining('2999'),
          duplicateIndex: '_id_',
        });
        const read = await readAll({ find: 'twice', hint: { _id: 1 } });
        expect(Buffer.concat(read).equals(Buffer.concat(documents))).toBe(true);
      });

      it('gives replies without values of the driver', async () => {
        const reply: CommandReply = await connection.command('admin', { ping: 1 });
        expect(typeof reply.operationTime).toBe('bigint');
        expect(Buffer.isBuffer(reply.$clusterTime)).toBe(true);
      });

      it('names code and namespace of a refused command, and no value', async () => {
        await connection.command(database, {
          insert: 'dup',
          documents: [
            { _id: 1, mail: 'me@home' },
            { _id: 2, mail: 'me@home' },
          ],
        });
        const failure = connection.command(database, {
          createIndexes: 'dup',
          indexes: [{ key: { mail: 1 }, name: 'mail_1', unique: true }],
        });
        await expect(failure).rejects.toMatchObject({
          code: 'MONGO_COMMAND_FAILED',
          message: expect.not.stringContaining('me@home'),
          context: { namespace: `${database}.dup`, serverCode: 11000 },
          cause: expect.objectContaining({ code: 11000, message: expect.not.stringContaining('me@home') }),
        });
      });

      it('rejects at once on an abort, and leaves the pool usable', async () => {
        const stop = new AbortController();
        const pipeline = rawArray(
          array(
            object(['$changeStream', object(['allChangesForCluster', { type: 8, bytes: Buffer.from([1]) }])]),
          ).bytes,
        );
        await using cursor = await openCursor(
          connection,
          'admin',
          { aggregate: 1, pipeline },
          { signal: stop.signal, firstBatchSize: 0, awaitMs: 60_000 },
        );
        const first = await cursor.next();
        expect(first?.documents).toEqual([]);
        expect(first?.postBatchResumeToken === null).toBe(
          kind === 'oldest' && first?.postBatchResumeToken === null,
        );
        const waiting = cursor.next();
        setTimeout(() => stop.abort(), 50);
        await expect(waiting).rejects.toMatchObject({ code: 'INTERRUPTED' });
        for (let index = 0; index < 20; index++) {
          expect(await connection.command('admin', { ping: 1 })).toMatchObject({ ok: 1 });
        }
      });
    },
    { source: kind },
  );
}

await describeWithServer('connecting', (servers) => {
  it.each([
    ['mongodb://user:secret@127.0.0.1:1/?serverSelectionTimeoutMS=200', 'MONGO_UNREACHABLE'],
    ['mongodb://user:secret@127.0.0.1:1/?tls=perhaps', 'MONGO_URI_INVALID'],
    ['mongodb://user:secret@127.0.0.1:1:2/', 'MONGO_URI_INVALID'],
    ['mongodb://user:se%cret@127.0.0.1/', 'MONGO_URI_INVALID'],
    ['user:secret@127.0.0.1', 'MONGO_URI_INVALID'],
  ])('%s is %s', async (uri, code) => {
    const failure: unknown = await connect(uri, { role: 'target' }).catch((error: unknown) => error);
    expect(failure).toMatchObject({ code });
    expect(`${failure instanceof Error ? failure.message : ''}`).not.toMatch(/secret|cret@/);
  });

  it('says that credentials are refused', async () => {
    const uri = servers.source.uri.replace('mongodb://', 'mongodb://nobody:secret@');
    await expect(connect(uri, { role: 'source' })).rejects.toMatchObject({ code: 'MONGO_AUTHENTICATION' });
  });

  it('shows hosts only', async () => {
    await using connection = await connect(servers.source.uri, { role: 'source' });
    expect(connection.url).toBe(`mongodb://127.0.0.1:${servers.source.port}`);
    expect(connection.server).toMatchObject({ topology: 'replicaSet', version: servers.source.version });
  });
});
