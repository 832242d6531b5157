/**
 * What shared/src/bson takes for granted about servers: how events look, which `_id`s are one key,
 * what a statement does.
 */

import type { ChangeEvent } from '@waybill/capture/event/change-event';
import { joinFragments, readChangeEvent } from '@waybill/capture/event/read-change-event';
import { writeOutcome } from '@waybill/load/target/mongodb/write-outcome';
import { diffDocuments } from '@waybill/load/verify/diff';
import * as build from '@waybill/shared/bson/build';
import { canonicalKey } from '@waybill/shared/bson/canonical-key';
import { BsonType, type RawElement } from '@waybill/shared/bson/raw';
import { deleteStatement, pipelineStatement, replaceStatement } from '@waybill/shared/bson/statement';
import { connect } from '@waybill/shared/mongo/driver/connect';
import type { MongoConnection } from '@waybill/shared/mongo/driver/connection';
import { openCursor } from '@waybill/shared/mongo/driver/cursor';
import { RawSequence, rawArray, rawDocument } from '@waybill/shared/mongo/driver/raw-value';
import { Decimal128 } from 'mongodb-4-0';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { EVERYTHING, SAMPLES } from '../support/bson/samples.ts';
import { testClient } from '../support/raw.ts';
import { describeWithServer, type ServerKind, uniqueName } from '../support/servers.ts';

const { buildArray, buildDocument, doc, fromObject } = build;

/** All events from `token` on until one is of type `last`. */
async function eventsAfter(
  connection: MongoConnection,
  token: Buffer,
  last: string,
  options: Record<string, build.Plain> = {},
  stages: readonly Buffer[] = [],
): Promise<{ raw: Buffer; event: ChangeEvent }[]> {
  const stage = fromObject({
    $changeStream: { resumeAfter: doc(token), allChangesForCluster: true, ...options },
  });
  const pipeline = rawArray(buildArray([stage, ...stages].map(doc)));
  await using cursor = await openCursor(connection, 'admin', { aggregate: 1, pipeline }, { awaitMs: 200 });
  const found: { raw: Buffer; event: ChangeEvent }[] = [];
  for (let batches = 0; batches < 200; batches++) {
    const batch = await cursor.next();
    for (const raw of batch?.documents ?? []) found.push({ raw, event: readChangeEvent(raw) });
    if (found.some(({ event }) => event.operationType === last)) return found;
  }
  throw new Error(`no ${last} came; there were ${found.map(({ event }) => event.operationType)}`);
}

/** A token of an event that is written for it, since 4.0 sends no token with an empty batch. */
async function tokenNow(connection: MongoConnection, database: string): Promise<Buffer> {
  const pipeline = rawArray(buildArray([doc(fromObject({ $changeStream: { allChangesForCluster: true } }))]));
  await using cursor = await openCursor(connection, 'admin', { aggregate: 1, pipeline }, { awaitMs: 200 });
  await connection.command(database, { insert: 'marks', documents: [{ at: 'start' }] });
  for (let batches = 0; batches < 200; batches++) {
    const batch = await cursor.next();
    const [first] = batch?.documents ?? [];
    if (first) return readChangeEvent(first).resumeToken;
  }
  throw new Error('no event came');
}

for (const kind of ['current', 'oldest'] as const satisfies readonly ServerKind[]) {
  await describeWithServer(
    `bson and a server: ${kind}`,
    (servers) => {
      const database = uniqueName('bson');
      const oldest = kind === 'oldest';
      let connection: MongoConnection;
      beforeAll(async () => {
        connection = await connect(servers.source.uri, { role: 'source' });
      });
      afterAll(async () => {
        await connection?.command(database, { dropDatabase: 1 });
        await connection?.close();
      });
      const documentsOf = async (collection: string): Promise<Buffer[]> => {
        await using cursor = await openCursor(connection, database, { find: collection });
        return (await cursor.next())?.documents ?? [];
      };

      it('reads the envelope of every kind of event', async () => {
        const other = `${database}_other`;
        await connection.command(database, { create: 'c' });
        await connection.command(other, { create: 'd' });
        const token = await tokenNow(connection, database);
        await using test = await testClient(servers.source.uri);
        const c = test.client.db(database).collection<{ _id: number; a?: number }>('c');
        await c.insertOne({ _id: 1, a: 1 });
        await c.updateOne({ _id: 1 }, { $set: { a: 2 } });
        await c.replaceOne({ _id: 1 }, { a: 3 });
        await test.client.withSession((session) =>
          session.withTransaction(async () => {
            await c.insertOne({ _id: 2 }, { session });
            await c.insertOne({ _id: 3 }, { session });
          }),
        );
        await c.deleteOne({ _id: 1 });
        await c.rename('e');
        await test.client.db(other).dropDatabase();
        const found = await eventsAfter(connection, token, 'dropDatabase', { fullDocument: 'updateLookup' });
        const events = found.map(({ event }) => event);
        expect(events.map(({ operationType }) => operationType)).toEqual([
          'insert',
          'update',
          'replace',
          'insert',
          'insert',
          'delete',
          'rename',
          'drop',
          'dropDatabase',
        ]);
        expect(events.map(({ namespace }) => namespace)).toEqual([
          ...new Array<string>(7).fill(`${database}.c`),
          `${other}.d`,
          other,
        ]);
        const [insert, update, replace, first, second, remove, rename] = events;
        expect(insert).toMatchObject({
          fullDocument: fromObject({ _id: 1, a: 1 }),
          documentKey: fromObject({ _id: 1 }),
          transaction: null,
        });
        expect(update?.updateDescription).not.toBeNull();
        // Looked up when it was read, so the document had gone.
        expect(update?.fullDocument).toBeNull();
        expect(replace?.fullDocument).toEqual(fromObject({ _id: 1, a: 3 }));
        expect(first?.transaction?.number).toBeGreaterThan(0n);
        expect(first?.transaction?.session).toHaveLength(16);
        expect(second?.transaction).toEqual(first?.transaction);
        expect(second?.clusterTime).toBe(first?.clusterTime);
        expect(remove).toMatchObject({ fullDocument: null, documentKey: fromObject({ _id: 1 }) });
        expect(rename?.to).toBe(`${database}.e`);
        for (const event of events) {
          expect(event.clusterTime).toBeGreaterThan(0n);
          expect(event.wallTime === null).toBe(oldest);
        }
      });

      it.skipIf(oldest)(
        'joins a split event, and reads uuids and descriptions of expanded ones',
        async () => {
          await connection.command(database, {
            create: 'large',
            changeStreamPreAndPostImages: { enabled: true },
          });
          const token = await tokenNow(connection, database);
          await using test = await testClient(servers.source.uri);
          const large = test.client.db(database).collection<{ _id: number; text?: string }>('large');
          const size = 9 * 1024 * 1024;
          await large.insertOne({ _id: 1, text: 'a'.repeat(size) });
          await large.replaceOne({ _id: 1 }, { text: 'b'.repeat(size) });
          await large.createIndex({ x: 1 });
          const found = await eventsAfter(
            connection,
            token,
            'createIndexes',
            { fullDocumentBeforeChange: 'whenAvailable', showExpandedEvents: true },
            [fromObject({ $changeStreamSplitLargeEvent: {} })],
          );
          const fragments = found.filter(({ event }) => event.splitEvent !== null);
          expect(fragments.map(({ event }) => event.splitEvent)).toEqual([
            { fragment: 1, of: 2 },
            { fragment: 2, of: 2 },
          ]);
          const joined = readChangeEvent(joinFragments(fragments.map(({ raw }) => raw)));
          expect(joined).toMatchObject({
            operationType: 'replace',
            namespace: `${database}.large`,
            splitEvent: null,
          });
          expect(joined.fullDocument?.length).toBeGreaterThan(size);
          expect(joined.fullDocumentBeforeChange?.length).toBeGreaterThan(size);
          expect(joined.resumeToken).toEqual(fragments.at(-1)?.event.resumeToken);
          expect(joined.collectionUuid).toHaveLength(16);
          expect(found.at(-1)?.event.operationDescription).not.toBeNull();
        },
      );

      it('takes for one key what the server takes for one', async () => {
        const ids = keysToCompare();
        const documents = ids.map((id, at) =>
          buildDocument([
            ['_id', id],
            ['at', build.int32(at)],
          ]),
        );
        const insert = { insert: 'keys', documents: new RawSequence(documents), ordered: false };
        const { writeErrors } = writeOutcome(await connection.command(database, insert));
        expect(writeErrors.map(({ code }) => code)).toEqual(writeErrors.map(() => 11000));
        // Of equal ids the first is in the collection, and the index finds it by each of them.
        for (const [at, id] of ids.entries()) {
          const filter = rawDocument(buildDocument([['_id', id]]));
          await using cursor = await openCursor(connection, database, { find: 'keys', filter });
          const found = (await cursor.next())?.documents ?? [];
          const first = ids.findIndex((other) => canonicalKey(other) === canonicalKey(id));
          expect(found, `id ${at}`).toEqual([documents[first]]);
        }
        expect(writeErrors).toHaveLength(ids.length - new Set(ids.map(canonicalKey)).size);
      });

      it('statements put and remove exactly one document by an _id of any type', async () => {
        const ids = Object.entries(SAMPLES).filter(
          ([name]) => !['array', 'regex', 'undefined'].includes(name),
        );
        for (const [name, id] of ids) {
          const before = buildDocument([
            ['_id', id],
            ['a', build.int32(1)],
          ]);
          const after = buildDocument([
            ['_id', id],
            ['2', build.nullValue],
            ['1', build.double(1)],
          ]);
          const run = async (...updates: Buffer[]): Promise<number | undefined> =>
            writeOutcome(
              await connection.command(database, { update: 's', updates: new RawSequence(updates) }),
            ).n;
          expect(await run(replaceStatement(id, before)), name).toBe(1);
          expect(await documentsOf('s'), name).toEqual([before]);
          expect(await run(replaceStatement(id, after)), name).toBe(1);
          expect(await documentsOf('s'), name).toEqual([after]);
          if (!oldest) {
            expect(await run(pipelineStatement(id, before)), name).toBe(1);
            expect(await documentsOf('s'), name).toEqual([before]);
          }
          const reply = await connection.command(database, {
            delete: 's',
            deletes: new RawSequence([deleteStatement(id)]),
          });
          expect(writeOutcome(reply).n, name).toBe(1);
        }
      });

      it.skipIf(oldest)(
        'a pipeline statement keeps every value and name, a first dollar, repeated names',
        async () => {
          const id = build.int32(1);
          const rest: build.Field[] = [
            ['2', doc(EVERYTHING)],
            ['1', build.timestamp(0n)],
            ['1', build.int32(2)],
            [
              'inner',
              doc(
                buildDocument([
                  ['a', id],
                  ['a', build.string('$x')],
                  ['$y', id],
                  ['', id],
                  ['b.c', id],
                ]),
              ),
            ],
          ];
          const dollar: build.Field = ['$set', build.int32(1)];
          const odd = buildDocument([dollar, ['_id', id], ...rest]);
          await connection.command(database, {
            update: 'p',
            updates: new RawSequence([replaceStatement(id, odd)]),
          });
          const [stored] = await documentsOf('p');
          // Every server stores the _id first.
          const expected = buildDocument([['_id', id], dollar, ...rest]);
          expect(stored && diffDocuments(expected, stored, 10)).toEqual([]);
        },
      );

      it.skipIf(oldest)('no _id is an embedded document that starts with a dollar', async () => {
        const odd = buildDocument([['_id', doc(fromObject({ $x: 1 }))]]);
        const reply = await connection.command(database, { insert: 'i', documents: new RawSequence([odd]) });
        expect(writeOutcome(reply).writeErrors).toHaveLength(1);
      });
    },
    { source: kind },
  );
}

function keysToCompare(): RawElement[] {
  const { int32, int64, double, string, symbol, code } = build;
  const decimal = (text: string): RawElement => ({
    type: BsonType.decimal128,
    bytes: Decimal128.fromString(text).bytes,
  });
  const x = (value: RawElement): RawElement => doc(fromObject({ x: value }));
  return [
    int32(1),
    int64(1),
    double(1),
    decimal('1.00'),
    int32(0),
    double(-0),
    decimal('-0E+3'),
    double(Number.NaN),
    { type: BsonType.double, bytes: Buffer.from('010000000000f8ff', 'hex') },
    decimal('NaN'),
    double(Infinity),
    decimal('Infinity'),
    double(-Infinity),
    decimal('-Infinity'),
    double(0.5),
    decimal('0.50'),
    double(0.1),
    decimal('0.1'),
    decimal('0.1000000000000000055511151231257827'),
    int64(2n ** 53n + 1n),
    double(2 ** 53),
    decimal('9007199254740993'),
    int64(2n ** 63n - 1n),
    double(2 ** 63),
    decimal('9223372036854775808'),
    double(1e25),
    decimal('1E25'),
    decimal('10000000000000000905969664'),
    double(5e-324),
    decimal('4.940656458412465441765687928682214E-324'),
    decimal('1E-6176'),
    decimal('1E6144'),
    double(2 ** -40),
    decimal('9.094947017729282379150390625E-13'),
    string('a'),
    symbol('a'),
    code('a'),
    x(string('a')),
    x(symbol('a')),
    x(int32(1)),
    x(double(1)),
    x(decimal('1.0')),
    x(build.array(buildArray([int32(1)]))),
    x(build.array(buildArray([double(1)]))),
    doc(fromObject({ a: 1, b: 2 })),
    doc(fromObject({ b: 2, a: 1 })),
    doc(fromObject({ a: 1n, b: 2 })),
    SAMPLES.codeWithScope!,
    SAMPLES.binary!,
    build.binary(5, Buffer.from('00ff10', 'hex')),
    build.date(0),
    build.timestamp(1n),
    build.nullValue,
    build.minKey,
    build.maxKey,
    build.boolean(true),
  ];
}
