/**
 * Raw cursors: find, aggregate and their getMores run as commands, and documents are slices of the
 * replies. Each cursor has a session, so that its getMores reach the server that holds it. A cursor
 * that failed is not used again: open a new one. cursor-failure.ts says what its failure means.
 *
 * The protocol sizes a batch in documents. The number is adapted so that a reply comes near
 * `targetBatchBytes`. With `prefetch`, one getMore is in flight while the caller works on the batch
 * before it: that needs memory for two batches.
 */

import { LinkedAbort } from '../../base/lifecycle.ts';
import type { MongoConnection, ReadPreference, Session } from './connection.ts';
import { type CursorBatch, parseReply } from './cursor-batch.ts';
import { cursorError } from './cursor-failure.ts';
import type { CommandReply } from './reply.ts';

export interface CursorOptions {
  readonly signal?: AbortSignal | undefined;
  readonly readPreference?: ReadPreference | undefined;
  /** Documents in the first reply. Default 101; 0 only opens the cursor. */
  readonly firstBatchSize?: number | undefined;
  /** Default 8 MiB. The server itself ends a reply at 16 MiB. */
  readonly targetBatchBytes?: number | undefined;
  /** The most documents in a reply. Default 100,000. */
  readonly maxBatchSize?: number | undefined;
  /**
   * For change streams: how many milliseconds the server waits for a first event before it sends an
   * empty batch.
   */
  readonly awaitMs?: number | undefined;
  readonly prefetch?: boolean | undefined;
  /**
   * For reading very much (see SessionOptions). A batch's bytes are valid only until the next batch
   * is asked for.
   */
  readonly bulk?: boolean | undefined;
}

const DEFAULT_FIRST_BATCH = 101;
const DEFAULT_TARGET_BYTES = 8 * 1024 * 1024;
const DEFAULT_MAX_BATCH = 100_000;
/** Used until a document has been seen. */
const UNKNOWN_DOCUMENT_BYTES = 1024;
const KILL_TIMEOUT_MS = 2_000;

/**
 * Sends a `find` or `aggregate` (or another command that answers with a cursor), and holds its
 * first batch for the first `next()`. The command must not set its batch size. Errors are those of
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
  /** The getMore that runs ahead. Its failure is kept until somebody asks. */
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

  /** True if the server still holds the cursor, or a batch waits to be taken. */
  get isOpen(): boolean {
    return !this.#closed && (this.#id !== 0n || this.#first !== null || this.#ahead !== null);
  }

  /**
   * The next batch, which may be empty; null after the last one. Do not call it again before it
   * settles. `awaitMs` replaces the one in the options for a batch that has not been asked for yet.
   */
  async next(awaitMs = this.#options.awaitMs): Promise<CursorBatch | null> {
    if (this.#closed) return null;
    const batch = await this.#take(awaitMs);
    if (batch && !batch.done && this.#options.prefetch) this.askAhead(awaitMs);
    return batch;
  }

  /**
   * Asks for a further batch now, so that the server works on it while the caller works on the last
   * one. The next `next()` gives it.
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
   * Stops a getMore in flight and has the server forget the cursor. Never rejects. A lost cursor
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
