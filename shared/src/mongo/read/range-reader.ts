/**
 * Reads one range of a collection, raw, in `_id` order, through any number of cursors.
 *
 * Why min() and max(): `$gte` and `$lt` compare within one BSON type, and lose the other types and
 * NaN. Index bounds do not. They use the index's collation, which is the collection's. The lower
 * bound is inclusive, the upper one exclusive. To go on after an `_id`, a cursor starts at it and
 * drops the first document if it is that very one (by bytes: an equal id of other bytes is another
 * document). With min() and no max() the server ends before MaxKey, exclusive. So a document whose
 * `_id` is MaxKey is read on its own.
 *
 * After a lost cursor, or a transient failure, the reading goes on after the last document handed
 * out. So nothing is lost or repeated, and another reader can follow a dead one with `after`. Each
 * cursor is short, so no session lives long.
 *
 * A target that knows no min() and max() is asked for the types between the bounds as well: see
 * ids-between.ts.
 *
 * Capped collections are read in natural order, since that order is data. To go on, the collection
 * is read again up to the last document. If that one has been overwritten, everything that is there
 * is newer.
 */

import { WaybillError } from '../../base/errors.ts';
import type { ClusterTime } from '../../base/position.ts';
import { buildDocument, maxKey } from '../../bson/build.ts';
import type { DocumentPlaces } from '../../bson/document-places.ts';
import { BsonType, findElement, type RawElement } from '../../bson/raw.ts';
import type { MongoConnection, ReadPreference } from '../driver/connection.ts';
import { openCursor, type RawCursor } from '../driver/cursor.ts';
import { rawDocument } from '../driver/raw-value.ts';
import { collectionUuidField } from '../facts/collection-identity.ts';
import {
  type Closable,
  CollectionReading,
  type ReadingOptions,
  type ReadOutcome,
  type Step,
} from './collection-reading.ts';
import { idsBetween } from './ids-between.ts';
import type { Range } from './range-plan.ts';
import { readConcernOf } from './read-concern.ts';

export interface ReadRangeOptions extends ReadingOptions, Partial<Range> {
  /**
   * Goes on after this document: raw BSON (`{_id: …}` or a whole document). Only its `_id` counts.
   */
  readonly after?: Uint8Array | null | undefined;
  /**
   * Natural order instead of `_id` order, for capped collections; the range must be open on both
   * sides.
   */
  readonly natural?: boolean | undefined;
  /** Reads nothing older than this: for secondaries, and after an election. */
  readonly notBefore?: ClusterTime | undefined;
  /** Default majority. Null sends none, for targets that know no read concern. */
  readonly readConcern?: 'majority' | 'local' | null | undefined;
  readonly readPreference?: ReadPreference | undefined;
  /** False: by comparing `_id`s, for targets that know no min() and max(). Default true. */
  readonly byKeys?: boolean | undefined;
  /** Default 8 MiB; two batches are held at a time. */
  readonly batchBytes?: number | undefined;
  /**
   * A batch comes at a fraction of the cost. Its bytes are valid only until the next one is asked
   * for.
   */
  readonly bulk?: boolean | undefined;
}

/** Documents in order; never empty. */
export class RangeBatch {
  readonly places: DocumentPlaces;
  /** Always null: a reading goes on after the last `_id` of the batch. */
  readonly position = null;
  #documents: Buffer[] | null = null;

  constructor(places: DocumentPlaces) {
    this.places = places;
  }

  get bytes(): number {
    return this.places.bytes;
  }

  /** Slices, made when first asked for. */
  get documents(): Buffer[] {
    this.#documents ??= this.places.toArray();
    return this.#documents;
  }
}

/** `namespace` is `database.collection`, under its last known name. */
export function readRange(
  connection: MongoConnection,
  namespace: string,
  options: ReadRangeOptions = {},
): RangeReader {
  return new RangeReader(connection, namespace, options);
}

/**
 * Iterate it once; then `outcome` tells how it ended. Errors: MONGO_* once the retries are used up,
 * or the signal's reason.
 */
export class RangeReader implements AsyncIterable<RangeBatch> {
  readonly #connection: MongoConnection;
  readonly #options: ReadRangeOptions;
  readonly #reading: CollectionReading<OpenRange, RangeBatch>;
  /** `{_id: …}` of the last document handed out, or where the caller's previous reading ended. */
  #after: Buffer | null;
  /** Everything has been read but a document whose `_id` is MaxKey. */
  #maxKeyOnly = false;

  constructor(connection: MongoConnection, namespace: string, options: ReadRangeOptions) {
    this.#connection = connection;
    this.#options = options;
    this.#after = options.after ? idDocument(options.after) : null;
    this.#reading = new CollectionReading(connection, namespace, options, {
      open: (name) => this.#open(name),
      read: (open) => this.#read(open),
      isAtEnd: () => this.#nothingFollows(),
    });
  }

  /** Null until the reading has ended. */
  get outcome(): ReadOutcome | null {
    return this.#reading.outcome;
  }

  /** The name under which the collection was last found. */
  get collection(): string {
    return this.#reading.collection;
  }

  [Symbol.asyncIterator](): AsyncIterator<RangeBatch> {
    return this.#reading[Symbol.asyncIterator]();
  }

  async #read(open: OpenRange): Promise<Step<RangeBatch>> {
    const batch = await open.cursor.next();
    if (!batch) return { batch: null, next: this.#afterLast(open) };
    const { skipped, skip } = this.#skip(batch.places, open.skip);
    open.skip = skip;
    const places = batch.places.after(skipped);
    if (places.count === 0) return { batch: null, next: 'same cursor' };
    // The id alone, copied: a slice would keep its whole reply alive.
    this.#after = idDocument(places.at(places.count - 1));
    return { batch: new RangeBatch(places), next: 'same cursor' };
  }

  /**
   * Tells whether the range ends where its cursor has ended. If not, sets what the next cursor
   * reads.
   */
  #afterLast(open: OpenRange): 'new cursor' | 'complete' {
    if (open.skip === 'searching') {
      // The document to go on after was overwritten while we looked for it. All that is there now
      // is newer.
      this.#after = null;
      return 'new cursor';
    }
    if (!open.endsBeforeMaxKey) return 'complete';
    this.#maxKeyOnly = true;
    return 'new cursor';
  }

  /**
   * How many documents at the head of a batch are not handed out, and what holds for the next
   * batch.
   */
  #skip(places: DocumentPlaces, skip: Skip): { skipped: number; skip: Skip } {
    const after = this.#after;
    if (skip === 'none' || after === null || places.count === 0) return { skipped: 0, skip };
    const isAfter = (index: number): boolean => idDocument(places.at(index)).equals(after);
    if (skip === 'first') return { skipped: isAfter(0) ? 1 : 0, skip: 'none' };
    for (let index = 0; index < places.count; index++) {
      if (isAfter(index)) return { skipped: index + 1, skip: 'none' };
    }
    return { skipped: places.count, skip };
  }

  async #open(name: string): Promise<OpenRange> {
    const { batchBytes, bulk, byKeys = true, readPreference, signal, natural, lower, upper } = this.#options;
    if (!this.#after && idType(lower) === BsonType.maxKey) this.#maxKeyOnly = true;
    const cursor = await openCursor(this.#connection, this.#reading.database, this.#command(name), {
      signal,
      readPreference,
      targetBatchBytes: batchBytes,
      bulk,
      prefetch: true,
    });
    const from = this.#after ?? lower ?? null;
    const endsBeforeMaxKey = byKeys && !natural && !this.#maxKeyOnly && from !== null && !upper;
    const skip = this.#after === null || this.#maxKeyOnly ? 'none' : natural ? 'searching' : 'first';
    return { cursor, skip, endsBeforeMaxKey, close: () => cursor.close() };
  }

  /**
   * True if the last document that can exist was handed out, or the range ends before the first one
   * that can exist.
   */
  #nothingFollows(): boolean {
    const { natural, upper } = this.#options;
    if (natural) return false;
    return idType(this.#after) === BsonType.maxKey || idType(upper) === BsonType.minKey;
  }

  #selection(): Record<string, unknown> {
    const { lower, upper, natural, byKeys = true } = this.#options;
    if (natural) return { hint: { $natural: 1 } };
    if (this.#maxKeyOnly) return { filter: rawDocument(buildDocument([['_id', maxKey]])) };
    const from = this.#after ?? lower;
    if (!byKeys) return { filter: rawDocument(idsBetween(from, upper)), sort: { _id: 1 } };
    return {
      hint: { _id: 1 },
      sort: { _id: 1 },
      ...(from && { min: rawDocument(from) }),
      ...(upper && { max: rawDocument(upper) }),
    };
  }

  #command(collection: string): Record<string, unknown> {
    const { uuid = null, readConcern = 'majority', notBefore } = this.#options;
    return {
      find: collection,
      ...this.#selection(),
      ...collectionUuidField(this.#connection.server, uuid),
      ...(readConcern && { readConcern: readConcernOf(readConcern, notBefore) }),
    };
  }
}

/**
 * first: drop the first document if it is the one to go on after. searching: drop all up to and
 * including it.
 */
type Skip = 'none' | 'first' | 'searching';

interface OpenRange extends Closable {
  readonly cursor: RawCursor;
  skip: Skip;
  readonly endsBeforeMaxKey: boolean;
}

function idDocument(document: Uint8Array): Buffer {
  const id: RawElement | undefined = findElement(document, '_id');
  if (!id) throw new WaybillError('DOCUMENT_INVALID', 'a document of a collection has no _id');
  return buildDocument([['_id', id]]);
}

function idType(bound: Uint8Array | null | undefined): number | undefined {
  return bound ? findElement(bound, '_id')?.type : undefined;
}
