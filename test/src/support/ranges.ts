import { connect } from '@waybill/shared/mongo/driver/connect';
import type { MongoConnection } from '@waybill/shared/mongo/driver/connection';
import { type CatalogEntry, listCatalog } from '@waybill/shared/mongo/facts/catalog';
import { NamespaceFilter } from '@waybill/shared/mongo/facts/namespace-filter';
import { currentOperationTime } from '@waybill/shared/mongo/facts/operation-time';
import {
  type RangeBatch,
  type RangeReader,
  type ReadRangeOptions,
  readRange,
} from '@waybill/shared/mongo/read/range-reader';
import type { Document } from 'mongodb-4-0';
import { afterAll, beforeAll, expect } from 'vitest';
import { document, string, type Value } from './bson/bytes.ts';
import { type TestClient, testClient } from './raw.ts';
import { describeWithServer, type ServerKind, uniqueName } from './servers.ts';

const SUITES = [
  { kind: 'current', bulk: false },
  { kind: 'current', bulk: true },
  { kind: 'oldest', bulk: false },
  // Has no bulk connection, and reads as if it had not been asked for one.
  { kind: 'oldest', bulk: true },
] as const satisfies readonly { readonly kind: ServerKind; readonly bulk: boolean }[];

/** The suite for both servers, reading by cursors and in bulk. */
export async function describeRanges(name: string, suite: (ranges: Ranges) => void): Promise<void> {
  for (const { kind, bulk } of SUITES) {
    await describeWithServer(
      `${name}, ${kind} server${bulk ? ', in bulk' : ''}`,
      (servers) => {
        const ranges = new Ranges(kind, bulk);
        beforeAll(() => ranges.open(servers.source.uri));
        afterAll(() => ranges.close());
        suite(ranges);
      },
      { source: kind },
    );
  }
}

/** A connection, a client and a database for the tests of one suite, and reading as it reads. */
class Ranges {
  readonly kind: ServerKind;
  readonly database = uniqueName('ranges');
  readonly #bulk: boolean;
  #connection: MongoConnection | undefined;
  #client: TestClient | undefined;

  constructor(kind: ServerKind, bulk: boolean) {
    this.kind = kind;
    this.#bulk = bulk;
  }

  async open(uri: string): Promise<void> {
    this.#connection = await connect(uri, { role: 'source' });
    this.#client = await testClient(uri);
  }

  async close(): Promise<void> {
    await this.#client?.command(this.database, { dropDatabase: 1 });
    await this.#client?.[Symbol.asyncDispose]();
    await this.#connection?.close();
  }

  get connection(): MongoConnection {
    if (!this.#connection) throw new Error('The connection is there in hooks and tests');
    return this.#connection;
  }

  get client(): TestClient {
    if (!this.#client) throw new Error('The client is there in hooks and tests');
    return this.#client;
  }

  insert(collection: string, documents: readonly Uint8Array[]): Promise<void> {
    return this.client.insert(this.database, collection, documents);
  }

  command(command: Document): Promise<Document> {
    return this.client.command(this.database, command);
  }

  async entryOf(collection: string): Promise<CatalogEntry> {
    const filter = new NamespaceFilter({ include: [`${this.database}.${collection}`] });
    const [entry] = await listCatalog(this.connection, filter);
    if (!entry) throw new Error(`${collection} is not in the catalog`);
    return entry;
  }

  reader(collection: string, options: ReadRangeOptions = {}): RangeReader {
    return readRange(this.connection, `${this.database}.${collection}`, { bulk: this.#bulk, ...options });
  }

  async read(collection: string, options: ReadRangeOptions = {}): Promise<Buffer[]> {
    const found: Buffer[] = [];
    for await (const batch of this.reader(collection, options)) {
      expect(batch.documents.length).toBeGreaterThan(0);
      expect(batch.bytes).toBe(batch.documents.reduce((sum, each) => sum + each.length, 0));
      found.push(...copied(batch));
    }
    return found;
  }

  /** A majority read may lag behind what was just written, unless it is told a time. */
  async settled(uuid: Buffer | null): Promise<ReadRangeOptions> {
    return { uuid, notBefore: await currentOperationTime(this.connection) };
  }
}

/** What is read in bulk is overwritten. */
export const copied = ({ documents }: RangeBatch): Buffer[] => documents.map((each) => Buffer.from(each));

export const padded = (id: Value, length = 400): Buffer =>
  document(['_id', id], ['pad', string('x'.repeat(length))]);
