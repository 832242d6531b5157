import { createRequire } from 'node:module';
import { type Document, MongoClient } from 'mongodb-4-0';

/**
 * Raw reads and writes that share no code with the product: what they say about bytes is a second
 * opinion. The older driver speaks to every server from 4.0 on.
 */
interface DocumentSequence {
  push(document: object, bytes: Uint8Array): number;
}

const { DocumentSequence: Sequence } = createRequire(import.meta.url)('mongodb-4-0/lib/cmap/commands.js') as {
  DocumentSequence: new (field: string) => DocumentSequence;
};

export interface TestClient extends AsyncDisposable {
  readonly client: MongoClient;
  /** Inserts exactly these bytes. */
  insert(
    database: string,
    collection: string,
    documents: readonly Uint8Array[],
    options?: Readonly<Record<string, unknown>>,
  ): Promise<void>;
  /**
   * Statements of an `update` or `delete` command, exactly these bytes; gives back how many
   * documents they matched.
   */
  write(
    kind: 'update' | 'delete',
    database: string,
    collection: string,
    statements: readonly Uint8Array[],
  ): Promise<number>;
  /** The documents' bytes; `natural` order is the order of insertion in a capped collection. */
  read(database: string, collection: string, options?: { readonly natural?: boolean }): AsyncIterable<Buffer>;
  command(database: string, command: Document): Promise<Document>;
}

/** A message may hold 48,000,000 bytes. */
const INSERT_BYTES = 40_000_000;

export async function testClient(uri: string): Promise<TestClient> {
  const client = await MongoClient.connect(uri, { serverSelectionTimeoutMS: 20_000 });
  return {
    client,
    insert: (database, collection, documents, options) =>
      insert(client, database, collection, documents, options),
    write: (kind, database, collection, statements) => write(client, kind, database, collection, statements),
    read: (database, collection, options) => read(client, database, collection, options?.natural ?? false),
    command: (database, command) => client.db(database).command(command),
    [Symbol.asyncDispose]: () => client.close(),
  };
}

async function insert(
  client: MongoClient,
  database: string,
  collection: string,
  documents: readonly Uint8Array[],
  options: Readonly<Record<string, unknown>> = {},
): Promise<void> {
  for (const batch of batches(documents)) {
    await send(client, database, collection, {
      insert: collection,
      documents: sequenceOf('documents', batch),
      ordered: true,
      bypassDocumentValidation: true,
      ...options,
    });
  }
}

async function write(
  client: MongoClient,
  kind: 'update' | 'delete',
  database: string,
  collection: string,
  statements: readonly Uint8Array[],
): Promise<number> {
  let matched = 0;
  for (const batch of batches(statements)) {
    const field = kind === 'update' ? 'updates' : 'deletes';
    const reply = await send(client, database, collection, {
      [kind]: collection,
      [field]: sequenceOf(field, batch),
      ordered: true,
      ...(kind === 'update' ? { bypassDocumentValidation: true } : {}),
    });
    matched += Number(reply.n);
  }
  return matched;
}

function sequenceOf(field: string, batch: readonly Uint8Array[]): DocumentSequence {
  const sequence = new Sequence(field);
  for (const document of batch) sequence.push({}, document);
  return sequence;
}

async function send(
  client: MongoClient,
  database: string,
  collection: string,
  command: Document,
): Promise<Document> {
  const reply = await client.db(database).command(command);
  const refused = reply.writeErrors as readonly { readonly index: number; errmsg: string }[] | undefined;
  const first = refused?.[0];
  if (first) throw new Error(`${database}.${collection}: document ${first.index}: ${first.errmsg}`);
  return reply;
}

function* batches(documents: readonly Uint8Array[]): Generator<Uint8Array[]> {
  let batch: Uint8Array[] = [];
  let bytes = 0;
  for (const document of documents) {
    if (batch.length > 0 && (bytes + document.length > INSERT_BYTES || batch.length === 1000)) {
      yield batch;
      batch = [];
      bytes = 0;
    }
    batch.push(document);
    bytes += document.length;
  }
  if (batch.length > 0) yield batch;
}

async function* read(
  client: MongoClient,
  database: string,
  collection: string,
  natural: boolean,
): AsyncGenerator<Buffer> {
  const cursor = client
    .db(database)
    .collection(collection)
    .find({}, { raw: true, batchSize: 1000, ...(natural ? { sort: { $natural: 1 } } : {}) });
  // With `raw` the driver gives the documents' bytes, whatever its types say.
  for await (const bytes of cursor as unknown as AsyncIterable<Buffer>) yield Buffer.from(bytes);
}
