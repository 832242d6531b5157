/**
 * Raw cursors: find, aggregate and their getMores as commands, documents as slices of the replies.
 * One cursor is one session, so that the getMores reach the server that holds it. A cursor that
 * failed is not used again: open a new one. What its failure means: cursor-failure.ts.
 *
 * A batch is sized in documents by the protocol; the number is adapted so that a reply comes near
 * `targetBatchBytes`. With `prefetch` one getMore is in flight while the caller works on the batch
 * before it: memory for two batches.
 */

import { WaybillError } from '../../base/errors.ts';
import { LinkedAbort } from '../../base/lifecycle.ts';
import type { ClusterTime } from '../../base/position.ts';
import { type RetryPolicy, retry } from '../../base/retry.ts';
import { DocumentPlaces } from '../../bson/document-places.ts';
import { asBuffer, findElement } from '../../bson/raw.ts';
import type { CommandReply, MongoConnection, ReadPreference, Session } from './connection.ts';
import { cursorError, isLostCursor } from './cursor-failure.ts';
import { replyOperationTime } from './reply.ts';

export interface CursorOptions {
  readonly signal?: AbortSignal | undefined;
  readonly readPreference?: ReadPreference | undefined;
  /** Documents of the first reply. Default 101; 0 only opens the cursor. */
  readonly firstBatchSize?: number | undefined;
  /** Default 8 MiB. The server itself ends a reply at 16 MiB. */
  readonly targetBatchBytes?: number | undefined;
  /** Most documents of a reply. Default 100,000. */
  readonly maxBatchSize?: number | undefined;
  /**
   * For change streams: how long the server waits for a first event before an empty batch, in
   * milliseconds.
   */
  readonly awaitMs?: number | undefined;
  readonly prefetch?: boolean | undefined;
  /**
   * For reading very much (see SessionOptions): a batch's bytes are valid only until the next batch
   * is asked for.
   */
  readonly bulk?: boolean | undefined;
}

export interface CursorBatch {
  /**
   * Slices of the reply's bytes: they live as long as the longest-held of them. Made when first
   * asked for.
   */
  readonly documents: Buffer[];
  /** The same without the slices. */
  readonly places: DocumentPlaces;
  /** The documents as the raw BSON array they came in; see eachDocument. */
  readonly array: Buffer;
  readonly count: number;
  /** Bytes of the documents. */
  readonly bytes: number;
  /** Raw BSON document; null where the server sends none (anything but a change stream). */
  readonly postBatchResumeToken: Buffer | null;
  readonly operationTime: ClusterTime | null;
  /** The server has closed the cursor: no batch follows. */
  readonly done: boolean;
}

const DEFAULT_FIRST_BATCH = 101;
const DEFAULT_TARGET_BYTES = 8 * 1024 * 1024;
const DEFAULT_MAX_BATCH = 100_000;
/** As long as no document has been seen. */
const UNKNOWN_DOCUMENT_BYTES = 1024;
const KILL_TIMEOUT_MS = 2_000;

/**
 * Sends a `find` or `aggregate` (or another command that answers with a cursor) and holds its first
 * batch for the first `next()`. The command must not set its batch size. Errors as in
 * MongoConnection.command.
 */
export async function openCursor(
  connection: MongoConnection,
  database: string,
  command: Readonly<Record<string, unknown>>,
  options: CursorOptions = {},
): Promise<RawCursor> {
  const { signal, readPreference, firstBatchSize = DEFAULT_FIRST_BATCH, bulk } = options;
  const session = await connection.startSession({ readPreference, signal, bulk });
  try {
    const sized =
      'find' in command
        ? { ...command, batchSize: firstBatchSize }
        : { ...command, cursor: { batchSize: firstBatchSize } };
    const reply = await connection.command(database, sized, { session, signal });
    return new RawCursor(connection, database, session, reply, options);
  } catch (error) {
    await session.end();
    throw cursorError(error);
  }
}

/**
 * Of what is read in one go: a few, soon after one another. Elections and the like
 * are for the caller to wait out.
 */
const REOPENINGS: RetryPolicy = {
  initialMs: 10,
  maxMs: 500,
  factor: 2,
  jitter: 0.5,
  maxAttempts: 10,
  maxElapsedMs: 30_000,
};

/** A short reading, of one cursor: where that is lost it begins anew. */
export function readAgainIfLost<T>(read: () => Promise<T>, signal: AbortSignal | undefined): Promise<T> {
  return retry(read, REOPENINGS, { signal, retryable: isLostCursor });
}

/**
 * All that a short command with a cursor gives, from one cursor. Copies: slices would keep whole
 * replies alive for as long as one of the documents lives.
 */
export function readAll(
  connection: MongoConnection,
  database: string,
  command: Readonly<Record<string, unknown>>,
  options: Pick<CursorOptions, 'signal'> = {},
): Promise<Buffer[]> {
  return readAgainIfLost(async () => {
    await using cursor = await openCursor(connection, database, command, options);
    const found: Buffer[] = [];
    for (let batch = await cursor.next(); batch; batch = await cursor.next()) {
      for (const document of batch.documents) found.push(Buffer.from(document));
    }
    return found;
  }, options.signal);
}

export class RawCursor implements AsyncDisposable {
  readonly #connection: MongoConnection;
  readonly #database: string;
  readonly #collection: string;
  readonly #session: Session;
  readonly #options: CursorOptions;
  readonly #abort: LinkedAbort;
  /** 0 once the server has closed it. */
  #id: bigint;
  #first: CursorBatch | null;
  /** The getMore that runs ahead; its failure is kept until somebody asks. */
  #ahead: Promise<CursorBatch> | null = null;
  #documentBytes = UNKNOWN_DOCUMENT_BYTES;
  #closed = false;

  constructor(
    connection: MongoConnection,
    database: string,
    session: Session,
    reply: CommandReply,
    options: CursorOptions,
  ) {
    this.#connection = connection;
    this.#database = database;
    this.#session = session;
    this.#options = options;
    this.#abort = new LinkedAbort(options.signal);
    const parsed = parseReply(reply, 'firstBatch');
    this.#id = parsed.id;
    this.#collection = parsed.collection;
    this.#first = this.#learn(parsed.batch);
  }

  /** Whether the server still holds the cursor. */
  get isOpen(): boolean {
    return !this.#closed && (this.#id !== 0n || this.#first !== null || this.#ahead !== null);
  }

  /**
   * The next batch, which may be empty; null after the last one. Not to be called again before it
   * settles. `awaitMs` in place of the one in the options, for a batch that has still to be asked
   * for.
   */
  async next(awaitMs = this.#options.awaitMs): Promise<CursorBatch | null> {
    if (this.#closed) return null;
    const batch = await this.#take(awaitMs);
    if (batch && !batch.done && this.#options.prefetch) this.askAhead(awaitMs);
    return batch;
  }

  /**
   * Asks for a further batch now, which the next `next()` gives: the server works on it while the
   * caller works on the last one.
   */
  askAhead(awaitMs = this.#options.awaitMs): void {
    if (this.#closed || this.#first || this.#ahead || this.#id === 0n) return;
    this.#ahead = this.#getMore(awaitMs);
    this.#ahead.catch(() => undefined);
  }

  async #take(awaitMs: number | undefined): Promise<CursorBatch | null> {
    if (this.#first) {
      const first = this.#first;
      this.#first = null;
      return first;
    }
    if (this.#ahead) {
      const ahead = this.#ahead;
      this.#ahead = null;
      return ahead;
    }
    return this.#id === 0n ? null : this.#getMore(awaitMs);
  }

  async #getMore(awaitMs: number | undefined): Promise<CursorBatch> {
    const command = {
      getMore: this.#id,
      collection: this.#collection,
      batchSize: this.#batchSize(),
      ...(awaitMs !== undefined && { maxTimeMS: awaitMs }),
    };
    try {
      const reply = await this.#connection.command(this.#database, command, {
        session: this.#session,
        signal: this.#abort.signal,
      });
      const { id, batch } = parseReply(reply, 'nextBatch');
      this.#id = id;
      return this.#learn(batch);
    } catch (error) {
      throw cursorError(error);
    }
  }

  #batchSize(): number {
    const { targetBatchBytes = DEFAULT_TARGET_BYTES, maxBatchSize = DEFAULT_MAX_BATCH } = this.#options;
    return Math.max(1, Math.min(maxBatchSize, Math.round(targetBatchBytes / this.#documentBytes)));
  }

  #learn(batch: CursorBatch): CursorBatch {
    if (batch.count > 0) this.#documentBytes = batch.bytes / batch.count;
    return batch;
  }

  /**
   * Stops a getMore in flight and has the server forget the cursor. Never rejects; a lost cursor
   * ends by itself in 10 minutes.
   */
  async close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    const wasAhead = this.#ahead;
    this.#abort.abort();
    this.#abort[Symbol.dispose]();
    await wasAhead?.catch(() => undefined);
    this.#first = null;
    this.#ahead = null;
    if (this.#id !== 0n) await this.#kill();
    await this.#session.end();
  }

  async #kill(): Promise<void> {
    const command = { killCursors: this.#collection, cursors: [this.#id] };
    this.#id = 0n;
    const signal = AbortSignal.timeout(KILL_TIMEOUT_MS);
    await this.#connection
      .command(this.#database, command, { session: this.#session, signal })
      .catch(() => undefined);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }
}

interface ParsedReply {
  readonly id: bigint;
  readonly collection: string;
  readonly batch: CursorBatch;
}

function parseReply(reply: CommandReply, batchName: 'firstBatch' | 'nextBatch'): ParsedReply {
  const cursor = reply.cursor;
  const id = Buffer.isBuffer(cursor) ? findElement(cursor, 'id') : undefined;
  const array = Buffer.isBuffer(cursor) ? findElement(cursor, batchName) : undefined;
  if (!Buffer.isBuffer(cursor) || !id || !array) {
    throw new WaybillError('MONGO_COMMAND_FAILED', `the server's reply has no cursor with a ${batchName}`);
  }
  const token = findElement(cursor, 'postBatchResumeToken');
  const cursorId = asBuffer(id.bytes).readBigInt64LE(0);
  return {
    id: cursorId,
    collection: collectionOf(cursor),
    batch: new ReplyBatch(
      asBuffer(array.bytes),
      token ? asBuffer(token.bytes) : null,
      replyOperationTime(reply),
      cursorId === 0n,
    ),
  };
}

class ReplyBatch implements CursorBatch {
  readonly array: Buffer;
  readonly places: DocumentPlaces;
  readonly postBatchResumeToken: Buffer | null;
  readonly operationTime: ClusterTime | null;
  readonly done: boolean;
  #documents: Buffer[] | null = null;

  constructor(array: Buffer, token: Buffer | null, operationTime: ClusterTime | null, done: boolean) {
    this.array = array;
    this.places = DocumentPlaces.ofArray(array);
    this.postBatchResumeToken = token;
    this.operationTime = operationTime;
    this.done = done;
  }

  get count(): number {
    return this.places.count;
  }

  get bytes(): number {
    return this.places.bytes;
  }

  get documents(): Buffer[] {
    this.#documents ??= this.places.toArray();
    return this.#documents;
  }
}

/**
 * `ns` of the reply: for database-wide aggregates and listCollections it is what getMore has to
 * name.
 */
function collectionOf(cursor: Buffer): string {
  const ns = findElement(cursor, 'ns');
  if (!ns) return '';
  const text = asBuffer(ns.bytes).toString('utf8', 4, ns.bytes.length - 1);
  return text.slice(text.indexOf('.') + 1);
}
