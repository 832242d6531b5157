/**
 * Reads a whole collection, raw, in natural order: the order in which it lies in its file. By `_id`
 * a server looks up each document in its place, and where `_id`s are random and the collection is
 * larger than the cache, each may be a read from the disk.
 *
 * The order is that of record ids, which a document keeps as long as it lives. So what exists all
 * the while is read once; a document that is deleted and comes again may be read twice, and what is
 * read again after a failure is, too. All that follows from a document in a snapshot is that it was
 * there at some moment after T0: to read it twice does no harm.
 *
 * A position is the server's own token: the record id, and the id of the copy of the data that it
 * belongs to, for each member of a replica set numbers its records by itself. The server refuses a
 * position of another copy, and one whose record is gone; so several are kept, the newest first,
 * and where none is left the collection is read from its beginning. Servers whose tokens do not
 * name the copy could go on at the wrong place without a word: for them there is no reading in this
 * way.
 */

import { hasCode } from '@waybill/shared/base/errors';
import type { DocumentPlaces } from '@waybill/shared/bson/document-places';
import { BsonType, findElement } from '@waybill/shared/bson/raw';
import { hasServerCode } from '@waybill/shared/mongo/driver/classify';
import type { MongoConnection } from '@waybill/shared/mongo/driver/connection';
import { openCursor, type RawCursor } from '@waybill/shared/mongo/driver/cursor';
import { rawDocument } from '@waybill/shared/mongo/driver/raw-value';
import { collectionUuidField } from '@waybill/shared/mongo/facts/collection-identity';
import {
  CollectionReading,
  type ReadOutcome,
  type Step,
} from '@waybill/shared/mongo/read/collection-reading';
import type { ReadRangeOptions } from '@waybill/shared/mongo/read/range-reader';
import { readConcernOf } from '@waybill/shared/mongo/read/read-concern';

export interface ReadNaturalOptions
  extends Pick<
    ReadRangeOptions,
    'uuid' | 'notBefore' | 'readPreference' | 'batchBytes' | 'bulk' | 'retry' | 'onRetry' | 'signal'
  > {
  /** Where an earlier reading was, newest first. */
  readonly positions?: readonly Uint8Array[] | undefined;
  /** The server takes none of the positions: the collection is read from its beginning. */
  readonly onStartOver?: (() => void) | undefined;
}

export interface NaturalBatch {
  readonly places: DocumentPlaces;
  readonly bytes: number;
  /** After the batch; null at the end. Lives longer than the batch. */
  readonly position: Buffer | null;
}

/** Positions kept: of some batches, so that the deletion of one document costs little. */
const KEPT_POSITIONS = 4;

/**
 * To be iterated once; then `outcome` tells how it ended. Errors: MONGO_* once the retries are used
 * up, or the signal's reason.
 */
export class NaturalReader implements AsyncIterable<NaturalBatch> {
  readonly #connection: MongoConnection;
  readonly #options: ReadNaturalOptions;
  readonly #reading: CollectionReading<RawCursor, NaturalBatch>;
  #positions: readonly Uint8Array[];

  constructor(connection: MongoConnection, namespace: string, options: ReadNaturalOptions = {}) {
    this.#connection = connection;
    this.#options = options;
    this.#positions = options.positions ?? [];
    this.#reading = new CollectionReading(connection, namespace, options, {
      open: (name) => this.#open(name),
      read: (cursor) => this.#read(cursor),
    });
  }

  /** Null while it is being read. */
  get outcome(): ReadOutcome | null {
    return this.#reading.outcome;
  }

  [Symbol.asyncIterator](): AsyncIterator<NaturalBatch> {
    return this.#reading[Symbol.asyncIterator]();
  }

  async #read(cursor: RawCursor): Promise<Step<NaturalBatch>> {
    const batch = await cursor.next();
    if (!batch) return { batch: null, next: 'complete' };
    const position = ownPosition(batch.postBatchResumeToken);
    if (position) this.#positions = [position, ...this.#positions].slice(0, KEPT_POSITIONS);
    return { batch: { places: batch.places, bytes: batch.bytes, position }, next: 'same cursor' };
  }

  async #open(name: string): Promise<RawCursor> {
    const { batchBytes, bulk, readPreference, signal, onStartOver } = this.#options;
    const options = { signal, readPreference, targetBatchBytes: batchBytes, bulk, prefetch: true };
    for (;;) {
      try {
        return await openCursor(this.#connection, this.#reading.database, this.#command(name), options);
      } catch (error) {
        const isOfOtherCopy = hasServerCode(error, 'PositionOfOtherCopy');
        if (this.#positions.length === 0 || (!isOfOtherCopy && !hasServerCode(error, 'KeyNotFound')))
          throw error;
        this.#positions = isOfOtherCopy ? [] : this.#positions.slice(1);
        if (this.#positions.length === 0) onStartOver?.();
      }
    }
  }

  #command(collection: string): Record<string, unknown> {
    const { uuid = null, notBefore } = this.#options;
    const [position] = this.#positions;
    return {
      find: collection,
      hint: { $natural: 1 },
      $_requestResumeToken: true,
      ...(position && { $_resumeAfter: rawDocument(position) }),
      ...collectionUuidField(this.#connection.server, uuid),
      readConcern: readConcernOf('majority', notBefore),
    };
  }
}

/**
 * A copy, since the reply's memory is used again; null where the token names no record, which is at
 * the end.
 */
function ownPosition(token: Buffer | null): Buffer | null {
  if (!token || findElement(token, '$recordId')?.type === BsonType.null) return null;
  return Buffer.from(token);
}

/** Whether this server gives positions that it will not take for those of another copy. */
export async function givesPositions(
  connection: MongoConnection,
  { database, name }: { readonly database: string; readonly name: string },
  signal: AbortSignal | undefined,
): Promise<boolean> {
  if (connection.server.topology === 'sharded') return false;
  const command = { find: name, hint: { $natural: 1 }, $_requestResumeToken: true };
  try {
    await using cursor = await openCursor(connection, database, command, { signal, firstBatchSize: 1 });
    const token = (await cursor.next())?.postBatchResumeToken;
    return token ? findElement(token, '$initialSyncId')?.type === BsonType.binary : false;
  } catch (error) {
    // A server that does not know the option.
    if (hasCode(error, 'MONGO_COMMAND_FAILED')) return false;
    throw error;
  }
}
