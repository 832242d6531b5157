/**
 * Reads a collection batch by batch through any number of cursors: the loop that every way of
 * reading shares. After a lost cursor, or a transient failure, it opens another cursor, which goes
 * on where the way of reading says. Each cursor is short, so no session lives long.
 */

import { splitNamespace } from '../../base/record.ts';
import { type RetryOptions, type RetryPolicy, retry } from '../../base/retry.ts';
import type { MongoConnection } from '../driver/connection.ts';
import { openByIdentity } from '../facts/collection-identity.ts';

/**
 * dropped: the database no longer has the collection of that uuid, so the reading may be
 * incomplete.
 */
export type ReadOutcome = 'complete' | 'dropped';

export interface ReadingOptions extends Pick<RetryOptions, 'onRetry' | 'signal'> {
  /** Follows this collection under any name; null or absent: any collection of the name. */
  readonly uuid?: Uint8Array | null | undefined;
  readonly retry?: RetryPolicy | undefined;
}

/** The parts in which ways of reading differ. */
export interface ReadingWay<Cursor extends Closable, Batch> {
  /** Opens a cursor on the collection under this name, at the place where the reading goes on. */
  open(collection: string): Promise<Cursor>;
  /** Takes the next batch of the cursor, and remembers where a further cursor goes on. */
  read(cursor: Cursor): Promise<Step<Batch>>;
  /** True if nothing follows what has been read: no cursor needs to say so. */
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
 * Iterate it once; then `outcome` tells how it ended. Errors: MONGO_* once the retries are used up,
 * or the signal's reason.
 */
export class CollectionReading<Cursor extends Closable, Batch> implements AsyncIterable<Batch> {
  readonly #connection: MongoConnection;
  readonly #database: string;
  readonly #options: ReadingOptions;
  readonly #way: ReadingWay<Cursor, Batch>;
  #collection: string;
  #cursor: Cursor | null = null;
  #outcome: ReadOutcome | null = null;

  /** `namespace` is `database.collection`, under its last known name. */
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

  /** Null until the reading has ended. */
  get outcome(): ReadOutcome | null {
    return this.#outcome;
  }

  get database(): string {
    return this.#database;
  }

  /** The name under which the collection was last found. */
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
