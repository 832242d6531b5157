/**
 * Reads a collection batch by batch through any number of cursors: the loop that every way of
 * reading shares. A lost cursor, or a passing failure, is followed by another cursor, which goes on
 * where the way of reading says. Each cursor is short, so no session lives long.
 */

import { splitNamespace } from '../../base/record.ts';
import { type RetryOptions, type RetryPolicy, retry } from '../../base/retry.ts';
import type { MongoConnection } from '../driver/connection.ts';
import { openByIdentity } from '../facts/collection-identity.ts';

/**
 * dropped: the collection of that uuid is not in its database any more, so the reading may be
 * incomplete.
 */
export type ReadOutcome = 'complete' | 'dropped';

export interface ReadingOptions extends Pick<RetryOptions, 'onRetry' | 'signal'> {
  /** Follow this collection under any name; null or absent: whatever has the name. */
  readonly uuid?: Uint8Array | null | undefined;
  readonly retry?: RetryPolicy | undefined;
}

/** What sets one way of reading apart. */
export interface ReadingWay<Cursor extends Closable, Batch> {
  /** Opens a cursor on the collection under this name, at the place where the reading goes on. */
  open(collection: string): Promise<Cursor>;
  /** Takes the next batch of the cursor, and remembers where a further cursor goes on. */
  read(cursor: Cursor): Promise<Step<Batch>>;
  /** Nothing follows what has been read: no cursor needs to say so. */
  isAtEnd?(): boolean;
}

export interface Closable {
  close(): Promise<void>;
}

export interface Step<Batch> {
  /** Null: none for now. */
  readonly batch: Batch | null;
  /** What the next step reads, or `complete`. */
  readonly next: 'same cursor' | 'new cursor' | 'complete';
}

/**
 * To be iterated once; then `outcome` tells how it ended. Errors: MONGO_* once the retries are used
 * up, or the signal's reason.
 */
export class CollectionReading<Cursor extends Closable, Batch> implements AsyncIterable<Batch> {
  readonly #connection: MongoConnection;
  readonly #database: string;
  readonly #options: ReadingOptions;
  readonly #way: ReadingWay<Cursor, Batch>;
  #collection: string;
  #cursor: Cursor | null = null;
  #outcome: ReadOutcome | null = null;

  /** `namespace` is `database.collection`, by the name that is known for it. */
  constructor(
    connection: MongoConnection,
    namespace: string,
    options: ReadingOptions,
    way: ReadingWay<Cursor, Batch>,
  ) {
    this.#connection = connection;
    const { database, collection } = splitNamespace(namespace);
    this.#database = database;
    this.#collection = collection;
    this.#options = options;
    this.#way = way;
  }

  /** Null while it is being read. */
  get outcome(): ReadOutcome | null {
    return this.#outcome;
  }

  get database(): string {
    return this.#database;
  }

  /** The name under which it was last found. */
  get collection(): string {
    return this.#collection;
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<Batch> {
    const { retry: policy, signal, onRetry } = this.#options;
    try {
      while (this.#outcome === null) {
        // Each success starts the retries afresh.
        const batch = await retry(() => this.#step(), policy, { signal, onRetry });
        if (batch) yield batch;
      }
    } finally {
      await this.#close();
    }
  }

  async #step(): Promise<Batch | null> {
    try {
      if (!this.#cursor && this.#way.isAtEnd?.()) {
        this.#outcome = 'complete';
        return null;
      }
      this.#cursor ??= await this.#open();
      if (!this.#cursor) {
        this.#outcome = 'dropped';
        return null;
      }
      const { batch, next } = await this.#way.read(this.#cursor);
      if (next !== 'same cursor') await this.#close();
      if (next === 'complete') this.#outcome = 'complete';
      return batch;
    } catch (error) {
      await this.#close();
      throw error;
    }
  }

  /** Null: the collection is gone. */
  async #open(): Promise<Cursor | null> {
    const { uuid = null, signal } = this.#options;
    const identity = { database: this.#database, collection: this.#collection, uuid };
    const found = await openByIdentity(this.#connection, identity, (name) => this.#way.open(name), signal);
    if (!found) return null;
    this.#collection = found.collection;
    return found.opened;
  }

  async #close(): Promise<void> {
    const cursor = this.#cursor;
    this.#cursor = null;
    await cursor?.close();
  }
}
