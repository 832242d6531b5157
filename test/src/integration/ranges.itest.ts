/** Planned ranges, read one after the other, give every document once and in the order of the `_id` index. */
import { listCatalog } from '@waybill/shared/mongo/catalog';
import { connect, type MongoConnection } from '@waybill/shared/mongo/connection';
import { NamespaceFilter } from '@waybill/shared/mongo/namespace-filter';
import { currentOperationTime } from '@waybill/shared/mongo/operation-time';
import { planRanges, type Range } from '@waybill/shared/mongo/range-plan';
import {
  type RangeBatch,
  type RangeReader,
  type ReadRangeOptions,
  readRange as readRangeOf,
} from '@waybill/shared/mongo/range-reader';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  binary,
  boolean,
  code,
  codeWithScope,
  date,
  dbPointer,
  decimalBits,
  document,
  double,
  doubleBits,
  int32,
  int64,
  maxKey,
  minKey,
  nullValue,
  object,
  objectId,
  string,
  symbol,
  timestamp,
  type Value,
} from '../corpus/bytes.ts';
import { type TestClient, testClient } from '../support/raw.ts';
import { describeWithServer, type ServerKind, uniqueName } from '../support/servers.ts';

/** One `_id` of every kind, and neighbours of several; numbers of different types are interleaved in value. */
const MIXED_IDS: readonly Value[] = [
  minKey,
  nullValue,
  doubleBits('7ff8000000000000'),
  double(Number.NEGATIVE_INFINITY),
  double(Number.POSITIVE_INFINITY),
  int64(-(2n ** 63n)),
  int64(2n ** 53n + 1n),
  double(2 ** 53),
  decimalBits('30400000000000000000000000000005'),
  decimalBits('30420000000000000000000000000007'),
  ...Array.from({ length: 40 }, (_, n) => [
    int32(n * 4 + 100),
    int64(BigInt(n * 4 + 101)),
    double(n * 4 + 102.5),
  ]).flat(),
  string(''),
  symbol('middle'),
  ...Array.from({ length: 40 }, (_, n) => string(`${String.fromCharCode(65 + (n % 26))}${n}`)),
  string('zß'),
  object(),
  object(['a', int32(1)]),
  object(['a', string('1')], ['b', minKey]),
  binary(0, ''),
  binary(0, 'bytes'),
  binary(4, Buffer.alloc(16, 7)),
  ...Array.from({ length: 40 }, (_, n) => objectId(n.toString(16).padStart(24, '0'))),
  boolean(false),
  boolean(true),
  date(-1n),
  date(1_700_000_000_000n),
  timestamp(1, 1),
  dbPointer('a.b', '0123456789abcdef01234567'),
  code('x'),
  codeWithScope('x', document(['y', int32(1)])),
  maxKey,
];

/** Under strength 2 these sort without regard to case, and not as their bytes do. */
const WORDS = [
  'b',
  'A',
  'C',
  'a1',
  'Z',
  'z1',
  'Ä',
  'ö',
  'o',
  'Ž',
  'M',
  'm1',
  '10',
  '9',
  '_',
  ' ',
  'ab',
  'AC',
];

const padded = (id: Value, length = 400): Buffer =>
  document(['_id', id], ['pad', string('x'.repeat(length))]);

const SUITES = [
  { kind: 'current', bulk: false },
  { kind: 'current', bulk: true },
  { kind: 'oldest', bulk: false },
  // Has no bulk connection, and reads as if it had not been asked for one.
  { kind: 'oldest', bulk: true },
] as const satisfies readonly { readonly kind: ServerKind; readonly bulk: boolean }[];

for (const { kind, bulk } of SUITES) {
  await describeWithServer(
    `ranges, ${kind} server${bulk ? ', in bulk' : ''}`,
    (servers) => {
      const database = uniqueName('ranges');
      let connection: MongoConnection;
      let client: TestClient;

      beforeAll(async () => {
        connection = await connect(servers.source.uri, { role: 'source' });
        client = await testClient(servers.source.uri);
      });
      afterAll(async () => {
        await client?.command(database, { dropDatabase: 1 });
        await client?.[Symbol.asyncDispose]();
        await connection?.close();
      });

      const entryOf = async (collection: string) => {
        const [entry] = await listCatalog(
          connection,
          new NamespaceFilter({ include: [`${database}.${collection}`] }),
        );
        if (!entry) throw new Error(`${collection} is not in the catalog`);
        return entry;
      };
      const readRange = (namespace: string, options: ReadRangeOptions = {}): RangeReader =>
        readRangeOf(connection, namespace, { bulk, ...options });
      /** Copies: what is read in bulk is overwritten. */
      const copied = ({ documents }: RangeBatch): Buffer[] => documents.map((each) => Buffer.from(each));
      const read = async (collection: string, options: ReadRangeOptions = {}): Promise<Buffer[]> => {
        const found: Buffer[] = [];
        for await (const batch of readRange(`${database}.${collection}`, options)) {
          expect(batch.documents.length).toBeGreaterThan(0);
          expect(batch.bytes).toBe(batch.documents.reduce((sum, each) => sum + each.length, 0));
          found.push(...copied(batch));
        }
        return found;
      };
      const inIdOrder = async (collection: string): Promise<Buffer[]> => {
        const cursor = client.client
          .db(database)
          .collection(collection)
          .find({}, { raw: true, sort: { _id: 1 } });
        return (await cursor.toArray()).map((each) => Buffer.from(each as unknown as Buffer));
      };
      /** A majority read may lag behind what was just written, unless it is told a time. */
      const settled = async (uuid: Buffer | null): Promise<ReadRangeOptions> => ({
        uuid,
        notBefore: await currentOperationTime(connection),
      });
      const expectCovered = async (collection: string, ranges: readonly Range[], uuid: Buffer | null) => {
        const options = { ...(await settled(uuid)), batchBytes: 4096 };
        const expected = await inIdOrder(collection);
        const natural: Buffer[] = [];
        for await (const each of client.read(database, collection, { natural: true })) natural.push(each);
        const found: Buffer[] = [];
        for (const range of ranges) found.push(...(await read(collection, { ...range, ...options })));
        expect(found).toEqual(expected);
        expect(found.map((each) => each.toString('hex')).sort()).toEqual(
          natural.map((each) => each.toString('hex')).sort(),
        );
      };
      /** Every document as a bound, and from every document on. */
      const expectEveryCut = async (collection: string, uuid: Buffer | null) => {
        const options = await settled(uuid);
        const expected = await inIdOrder(collection);
        for (const [index, bound] of expected.entries()) {
          const id = boundOf(bound);
          expect(await read(collection, { upper: id, ...options })).toEqual(expected.slice(0, index));
          expect(await read(collection, { lower: id, ...options })).toEqual(expected.slice(index));
          expect(await read(collection, { after: bound, ...options })).toEqual(expected.slice(index + 1));
        }
      };

      describe('ids of every type in one collection', () => {
        beforeAll(async () => {
          await client.insert(
            database,
            'mixed',
            MIXED_IDS.map((id) => padded(id)),
          );
        });

        it('covers the collection by planned ranges', async () => {
          const entry = await entryOf('mixed');
          const ranges = await planRanges(connection, entry, { rangeBytes: 8 * 1024 });
          expect(ranges.length).toBeGreaterThan(5);
          await expectCovered('mixed', ranges, entry.uuid);
        });

        it('cuts at every id', async () => {
          await expectEveryCut('mixed', (await entryOf('mixed')).uuid);
        });
      });

      describe('a collection with a collation', () => {
        beforeAll(async () => {
          await client.command(database, { create: 'words', collation: { locale: 'en', strength: 2 } });
          await client.insert(
            database,
            'words',
            [...WORDS.map(string), int32(1), objectId('0'.repeat(24))].map((id) => padded(id)),
          );
        });

        it('covers the collection by planned ranges', async () => {
          const entry = await entryOf('words');
          expect(entry.collated).toBe(true);
          const ranges = await planRanges(connection, entry, { rangeBytes: 1024 });
          expect(ranges.length).toBeGreaterThan(4);
          await expectCovered('words', ranges, entry.uuid);
        });

        it('cuts at every id', async () => {
          await expectEveryCut('words', (await entryOf('words')).uuid);
        });
      });

      it.runIf(kind === 'current')('covers a clustered collection', async () => {
        await client.command(database, {
          create: 'clustered',
          clusteredIndex: { key: { _id: 1 }, unique: true },
        });
        await client.insert(
          database,
          'clustered',
          MIXED_IDS.map((id) => padded(id)),
        );
        const entry = await entryOf('clustered');
        expect(entry.clustered).toBe(true);
        const ranges = await planRanges(connection, entry, { rangeBytes: 8 * 1024 });
        expect(ranges.length).toBeGreaterThan(5);
        await expectCovered('clustered', ranges, entry.uuid);
        await expectEveryCut('clustered', entry.uuid);
      });

      it('plans by sampling where the collection is large', async () => {
        await client.insert(
          database,
          'large',
          Array.from({ length: 20_000 }, (_, n) => padded(int32(n), 60)),
        );
        const entry = await entryOf('large');
        expect(entry.documents).toBe(20_000);
        const ranges = await planRanges(connection, entry, { rangeBytes: Math.ceil(entry.bytes / 8) });
        expect(ranges.length).toBeGreaterThanOrEqual(6);
        await expectCovered('large', ranges, entry.uuid);
      });

      it('is one range and natural order for a capped collection, and goes on in it', async () => {
        await client.command(database, { create: 'capped', capped: true, size: 1_000_000 });
        const documents = Array.from({ length: 300 }, (_, n) => padded(int32((n * 7919) % 1000), 20));
        await client.insert(database, 'capped', documents);
        const entry = await entryOf('capped');
        expect(entry.capped).toBe(true);
        expect(await planRanges(connection, entry, { rangeBytes: 1000 })).toEqual([
          { lower: null, upper: null },
        ]);
        const options = { natural: true, ...(await settled(entry.uuid)) };
        expect(await read('capped', options)).toEqual(documents);
        expect(await read('capped', { ...options, after: documents[120] })).toEqual(documents.slice(121));
        const overwritten = padded(int32(5_000_000), 20);
        expect(await read('capped', { ...options, after: overwritten })).toEqual(documents);
      });

      it('reads nothing older than a time', async () => {
        await client.insert(database, 'timed', [padded(int32(1))]);
        const notBefore = await currentOperationTime(connection);
        expect(await read('timed', { notBefore })).toHaveLength(1);
      });

      it('goes on after the last document when the cursor is lost', async () => {
        const documents = Array.from({ length: 2000 }, (_, n) => padded(int32(n)));
        await client.insert(database, 'lost', documents);
        const retries: unknown[] = [];
        const reader = readRange(`${database}.lost`, {
          ...(await settled(null)),
          batchBytes: 20_000,
          onRetry: (error) => retries.push(error),
        });
        const found: Buffer[] = [];
        for await (const batch of reader) {
          found.push(...copied(batch));
          if (found.length > 500 && retries.length === 0) await loseCursors(client);
        }
        expect(found).toEqual(documents);
        expect(retries.length).toBeGreaterThan(0);
        expect(reader.outcome).toBe('complete');
      });

      it('follows a rename while it reads', async () => {
        const documents = Array.from({ length: 2000 }, (_, n) => padded(int32(n)));
        await client.insert(database, 'before', documents);
        const options = { ...(await settled((await entryOf('before')).uuid)), batchBytes: 20_000 };
        const reader = readRange(`${database}.before`, options);
        const found: Buffer[] = [];
        for await (const batch of reader) {
          if (found.length === 0) {
            await client.command('admin', {
              renameCollection: `${database}.before`,
              to: `${database}.after`,
            });
            await client.insert(database, 'before', [padded(string('another collection'))]);
            await loseCursors(client);
          }
          found.push(...copied(batch));
        }
        expect(found).toEqual(documents);
        expect(reader).toMatchObject({ outcome: 'complete', collection: 'after' });
      });

      it('says that a collection was dropped and replaced', async () => {
        await client.insert(database, 'gone', [padded(int32(1))]);
        const { uuid } = await entryOf('gone');
        await client.command(database, { drop: 'gone' });
        await client.insert(database, 'gone', [padded(int32(2))]);
        const reader = readRange(`${database}.gone`, { uuid });
        for await (const batch of reader) expect(batch.documents).toEqual([]);
        expect(reader.outcome).toBe('dropped');
      });

      it('says that a collection was dropped while it was read', async () => {
        await client.insert(
          database,
          'going',
          Array.from({ length: 2000 }, (_, n) => padded(int32(n))),
        );
        const options = { ...(await settled((await entryOf('going')).uuid)), batchBytes: 20_000 };
        const reader = readRange(`${database}.going`, options);
        let dropped = false;
        for await (const _ of reader) {
          if (!dropped) await client.command(database, { drop: 'going' });
          dropped = true;
        }
        expect(reader.outcome).toBe('dropped');
      });

      it('stops at once when it is told to, and leaves no cursor open', async () => {
        await client.insert(
          database,
          'stopped',
          Array.from({ length: 2000 }, (_, n) => padded(int32(n))),
        );
        const settledOptions = { ...(await settled(null)), batchBytes: 20_000 };
        const stop = new AbortController();
        const reading = async (): Promise<void> => {
          const options = { ...settledOptions, signal: stop.signal };
          for await (const _ of readRange(`${database}.stopped`, options)) stop.abort();
        };
        await expect(reading()).rejects.toMatchObject({ code: 'INTERRUPTED' });
        for await (const _ of readRange(`${database}.stopped`, settledOptions)) break;
        expect(await cursorsOn(client, `${database}.stopped`)).toEqual([]);
      });
    },
    { source: kind },
  );
}

/** `{_id: …}` of a document that these tests made: the id is its first field, `pad` the second. */
function boundOf(padded: Buffer): Buffer {
  const end = padded.lastIndexOf(Buffer.from('\x02pad\0', 'latin1'));
  const bound = Buffer.concat([padded.subarray(0, end), Buffer.from([0])]);
  bound.writeInt32LE(bound.length);
  return bound;
}

async function cursorsOn(client: TestClient, namespace: string): Promise<unknown[]> {
  const admin = client.client.db('admin');
  const pipeline = [{ $currentOp: { idleCursors: true, allUsers: true } }, { $match: { ns: namespace } }];
  const found = await admin
    .aggregate(pipeline)
    .toArray()
    .catch(() => []);
  return found.flatMap((each) => (each.cursor?.cursorId ? [each.cursor.cursorId] : []));
}

/** 4.0 does not tell the ids of idle cursors, but ends them with their sessions. */
async function loseCursors(client: TestClient): Promise<void> {
  // It may end its own session with the others, and says so.
  await client.command('admin', { killAllSessions: [] }).catch(() => undefined);
}
