/** Reads in natural order, with the server's own positions, and decides when that is better. */
import { randomUUID } from 'node:crypto';
import { isScattered } from '@waybill/capture/snapshot/id-locality';
import {
  givesPositions,
  NaturalReader,
  type ReadNaturalOptions,
} from '@waybill/capture/snapshot/natural-reader';
import { connect } from '@waybill/shared/mongo/driver/connect';
import type { MongoConnection } from '@waybill/shared/mongo/driver/connection';
import { planRanges } from '@waybill/shared/mongo/read/range-plan';
import type { Collection } from 'mongodb-4-0';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type TestClient, testClient } from '../support/raw.ts';
import { describeWithServer, uniqueName } from '../support/servers.ts';

interface Item {
  readonly _id: unknown;
  readonly n: number;
  readonly text: string;
}

const COUNT = 1200;
const BATCH_BYTES = 32 * 1024;

await describeWithServer('reading in natural order', (servers) => {
  let client: TestClient;
  let connection: MongoConnection;
  beforeAll(async () => {
    client = await testClient(servers.source.uri);
    connection = await connect(servers.source.uri, { role: 'source' });
  });
  afterAll(async () => {
    await client[Symbol.asyncDispose]();
    await connection.close();
  });

  /** Documents numbered in the order of their insertion, a few of them large. */
  async function filled(id: (n: number) => unknown = () => randomUUID(), options = {}): Promise<Filled> {
    const database = uniqueName('natural');
    const db = client.client.db(database);
    await db.createCollection('items', options);
    const items = Array.from({ length: COUNT }, (_, n) => ({
      _id: id(n),
      n,
      text: 'x'.repeat(n % 300 === 7 ? 200_000 : 500),
    }));
    const collection = db.collection<Item>('items');
    await collection.insertMany(items);
    return { database, namespace: `${database}.items`, collection };
  }

  const read = (of: Filled, options: ReadNaturalOptions = {}): NaturalReader =>
    new NaturalReader(connection, of.namespace, { batchBytes: BATCH_BYTES, bulk: true, ...options });

  const all = Array.from({ length: COUNT }, (_, n) => n);

  describe.each([true, false])('bulk: %s', (bulk) => {
    it('gives all once, and goes on after every position', async () => {
      const of = await filled();
      const reader = read(of, { bulk });
      const found: number[] = [];
      const positions: [number, Buffer][] = [];
      for await (const { places, position } of reader) {
        found.push(...numbers(places.toArray()));
        if (position) positions.push([found.length, position]);
      }
      expect(found).toEqual(all);
      expect(reader.outcome).toBe('complete');
      expect(positions.length).toBeGreaterThan(20);
      for (const [from, position] of positions) {
        expect(await rest(read(of, { bulk, positions: [position] }))).toEqual(all.slice(from));
      }
    });
  });

  it('goes back to an earlier position where a record is gone, and to the beginning where all are', async () => {
    const of = await filled();
    const [first, second, third] = await someBatches(read(of), 3);
    let startedOver = 0;
    const again = (): Promise<number[]> =>
      rest(
        read(of, {
          positions: [third!.position!, second!.position!, first!.position!],
          onStartOver: () => startedOver++,
        }),
      );
    await of.collection.deleteOne({ n: third!.last });
    expect(await again()).toEqual(all.slice(second!.last + 1).filter((n) => n !== third!.last));
    await of.collection.deleteOne({ n: second!.last });
    await of.collection.deleteOne({ n: first!.last });
    expect(startedOver).toBe(0);
    const gone = [first!.last, second!.last, third!.last];
    expect(await again()).toEqual(all.filter((n) => !gone.includes(n)));
    expect(startedOver).toBe(1);
  });

  it('takes no position of another copy of the data', async () => {
    const of = await filled();
    const [first] = await someBatches(read(of), 1);
    const foreign = Buffer.from(first!.position!);
    // The last bytes of the copy's id, in front of the document's end.
    foreign[foreign.length - 2]! ^= 1;
    let startedOver = 0;
    expect(await rest(read(of, { positions: [foreign], onStartOver: () => startedOver++ }))).toEqual(all);
    expect(startedOver).toBe(1);
  });

  it('goes on when its cursor is lost, and follows its collection to another name', async () => {
    const of = await filled();
    const uuid = await uuidOf(of);
    const retries: unknown[] = [];
    const reader = read(of, { uuid, onRetry: (error) => void retries.push(error) });
    const found: number[] = [];
    for await (const { places } of reader) {
      found.push(...numbers(places.toArray()));
      if (found.length === COUNT || retries.length > 0) continue;
      if (found.length > 300) {
        await of.collection.rename('elsewhere').catch(() => undefined);
        await client.command('admin', { killAllSessions: [] });
      }
    }
    expect(found).toEqual(all);
    expect(retries.length).toBeGreaterThan(0);
  });

  it('says that its collection was dropped', async () => {
    const of = await filled();
    const uuid = await uuidOf(of);
    await of.collection.drop();
    const reader = read(of, { uuid });
    expect(await rest(reader)).toEqual([]);
    expect(reader.outcome).toBe('dropped');
  });

  async function uuidOf({ database }: Filled): Promise<Buffer> {
    const [info] = await client.client.db(database).listCollections({ name: 'items' }).toArray();
    return Buffer.from((info as unknown as { info: { uuid: { buffer: Buffer } } }).info.uuid.buffer);
  }

  describe('is chosen', () => {
    const numbered = (n: number): number => n;
    it.each<[string, boolean, (n: number) => unknown, object]>([
      ['random ids', true, () => randomUUID(), {}],
      ['ids with a tenant in front', true, (n) => `${n % 40}/${n}`, {}],
      ['growing ids', false, numbered, {}],
      ['falling ids', false, (n) => -n, {}],
      ['ids that grow nearly always', false, (n) => (n % 50 === 0 ? -n : n), {}],
      ['a collection clustered by random ids', false, () => randomUUID(), CLUSTERED],
    ])('for %s: %s', async (_, expected, id, options) => {
      const { database } = await filled(id, options);
      const planned = { database, name: 'items', uuid: null };
      const { sampled } = await planRanges(
        connection,
        { ...planned, type: 'collection', capped: false, documents: COUNT, bytes: COUNT * 1200 },
        { rangeBytes: 100_000 },
      );
      expect(await isScattered(connection, planned, sampled, undefined)).toBe(expected);
    });

    it('where the server gives positions that name the copy of the data', async () => {
      const { database } = await filled();
      const items = { database, name: 'items' };
      expect(await givesPositions(connection, items, undefined)).toBe(true);
    });
  });
});

await describeWithServer(
  'reading in natural order from the oldest server',
  (servers) => {
    it('is not done', async () => {
      await using connection = await connect(servers.source.uri, { role: 'source' });
      const database = uniqueName('natural');
      await using client = await testClient(servers.source.uri);
      await client.client.db(database).collection('items').insertOne({ n: 1 });
      expect(await givesPositions(connection, { database, name: 'items' }, undefined)).toBe(false);
    });
  },
  { source: 'oldest' },
);

interface Filled {
  readonly database: string;
  readonly namespace: string;
  readonly collection: Collection<Item>;
}

const CLUSTERED = { clusteredIndex: { key: { _id: 1 }, unique: true } };

function numbers(documents: readonly Buffer[]): number[] {
  // `n` follows the id, and is an int32.
  return documents.map((document) => document.readInt32LE(document.indexOf('\x10n\0', 0, 'latin1') + 3));
}

async function rest(reader: NaturalReader): Promise<number[]> {
  const found: number[] = [];
  for await (const { places } of reader) found.push(...numbers(places.toArray()));
  return found;
}

async function someBatches(
  reader: NaturalReader,
  count: number,
): Promise<{ readonly last: number; readonly position: Buffer | null }[]> {
  const batches = [];
  for await (const { places, position } of reader) {
    batches.push({ last: numbers(places.toArray()).at(-1)!, position });
    if (batches.length === count) break;
  }
  return batches;
}
