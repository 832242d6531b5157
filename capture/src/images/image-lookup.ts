/**
 * Images of updated documents, read after the events: one find a collection and thousand ids,
 * instead of the server's own lookup event by event, which is about fifty times as slow.
 *
 * An image is of the event's own collection or there is none: from 6.0 the find names the
 * collection's uuid, and follows it to the name it has now. Before 6.0 the name is all there is; a
 * rename seen later has the collection read again (see ddl.ts). The find is a majority read not
 * older than the commit's last event, so an image is never older than the update it belongs to.
 */

import type { ClusterTime } from '@waybill/shared/base/position';
import { splitNamespace } from '@waybill/shared/base/record';
import { retry } from '@waybill/shared/base/retry';
import { array, buildArray, buildDocument, doc, string, timestamp } from '@waybill/shared/bson/build';
import { documentHash, namespaceHash } from '@waybill/shared/bson/canonical-key';
import { eachDocument, locateElement, type RawElement } from '@waybill/shared/bson/raw';
import type { MongoConnection } from '@waybill/shared/mongo/driver/connection';
import { openCursor } from '@waybill/shared/mongo/driver/cursor';
import { rawDocument } from '@waybill/shared/mongo/driver/raw-value';
import { replyOperationTime } from '@waybill/shared/mongo/driver/reply';
import { collectionUuidField, openByIdentity } from '@waybill/shared/mongo/facts/collection-identity';
import PQueue from 'p-queue';
import type { Change } from '../record/change.ts';
import { DocumentTable } from '../record/document-table.ts';
import { namesShardKey, setImage } from '../record/documents.ts';
import { refuseDuplicates } from '../source/duplicate-ids.ts';
import { type ImageWants, planImages } from './image-plan.ts';

export interface ImageOptions {
  readonly connection: MongoConnection;
  /** Finds at once. */
  readonly concurrency: number;
  /** Ids in one find. */
  readonly ids: number;
  /** Images of one commit, bytes; past it the commit has to be cut. */
  readonly budgetBytes: number;
  /** False: only deletes that name a shard key are looked for. */
  readonly ofUpdates: boolean;
  readonly signal: AbortSignal;
  readonly onLookup?: (documents: number) => void;
}

export interface Missing {
  readonly change: Change;
  /** The source's operation time at the lookup. */
  readonly lookedUpAt: ClusterTime;
}

export type ImageResult =
  | { readonly kind: 'attached'; readonly missing: readonly Missing[]; readonly bytes: number }
  /** No change was touched for good: cut the commit and attach again. */
  | { readonly kind: 'too-large' };

/** Bytes of ids after which a find has enough; one id may have 16 MiB by itself. */
const ID_BYTES = 1024 * 1024;
/** Weight of the newest size in the running mean. */
const NEWEST = 0.2;

export class ImageLookup {
  readonly #options: ImageOptions;
  readonly #queue: PQueue;
  /** Mean bytes of a document by namespace: how much a commit will grow by its images. */
  readonly #sizes = new Map<string, number>();

  constructor(options: ImageOptions) {
    this.#options = options;
    this.#queue = new PQueue({ concurrency: options.concurrency });
  }

  expectedBytes(namespace: string): number {
    return this.#sizes.get(namespace) ?? 0;
  }

  /**
   * Attaches images to the updates of one commit: `lookup`, `superseded` or `missing`. `asOf` is
   * the last event's cluster time. With `unbounded` the budget does not count: a commit that can
   * not be cut further. A delete that names a shard key gets the document that has its `_id` under
   * another one, if there is any.
   * @throws SOURCE_DUPLICATE_ID where there are two
   */
  async attach(changes: readonly Change[], asOf: ClusterTime, unbounded = false): Promise<ImageResult> {
    const wants = planImages(changes, this.#options.ofUpdates);
    const run = new LookupRun(asOf, unbounded ? Number.POSITIVE_INFINITY : this.#options.budgetBytes);
    const parts = wants.flatMap((want) => this.#parts(want));
    await this.#queue.addAll(parts.map((part) => () => this.#find(part, run)));
    if (!run.isOver) return { kind: 'attached', missing: run.missing, bytes: run.bytes };
    for (const change of changes) {
      if (!isOfLookup(change)) continue;
      change.document = null;
      change.documentOrigin = 'none';
    }
    return { kind: 'too-large' };
  }

  #parts(want: ImageWants): ImageWants[] {
    const parts: ImageWants[] = [];
    let part: Change[] = [];
    let bytes = 0;
    for (const change of want.changes) {
      if (part.length > 0 && (part.length >= this.#options.ids || bytes >= ID_BYTES)) {
        parts.push({ ...want, changes: part });
        part = [];
        bytes = 0;
      }
      part.push(change);
      bytes += change.id.bytes.length;
    }
    if (part.length > 0) parts.push({ ...want, changes: part });
    return parts;
  }

  async #find(part: ImageWants, run: LookupRun): Promise<void> {
    const { connection, signal, onLookup } = this.#options;
    if (run.isOver) return;
    const twice = await retry(() => this.#findOnce(part, run), undefined, { signal });
    // Outside the retry: it looks again by itself, with a retry of its own.
    if (twice.length > 0) await refuseDuplicates(connection, part, twice, signal);
    onLookup?.(part.changes.length);
  }

  /** Gives the ids that were found more than once. */
  async #findOnce(part: ImageWants, run: LookupRun): Promise<readonly RawElement[]> {
    const { connection, signal } = this.#options;
    const { database, collection } = splitNamespace(part.namespace);
    const identity = { database, collection, uuid: part.collectionUuid };
    const found = await openByIdentity(
      connection,
      identity,
      (name) =>
        openCursor(connection, database, findCommand(connection, name, part, run.asOf), {
          signal,
          firstBatchSize: part.changes.length,
        }),
      signal,
    );
    if (found === null) {
      markMissing(part, run, await this.#now(run));
      return [];
    }
    await using cursor = found.opened;
    const waiting = new DocumentTable(part.changes.length);
    for (const change of part.changes) waiting.add(change);
    let lookedUpAt = run.asOf;
    const sharded = new ShardedFinds();
    for (let batch = await cursor.next(); batch; batch = await cursor.next()) {
      if (batch.operationTime !== null && batch.operationTime > lookedUpAt) lookedUpAt = batch.operationTime;
      run.bytes += batch.bytes;
      if (run.isOver) return [];
      if (batch.count > 0) this.#learn(part.namespace, batch.bytes / batch.count);
      attachFound(batch.array, waiting, namespaceHash(part.namespace), sharded);
      // What a closed cursor has given is all; asking again costs a round trip.
      if (batch.done) break;
    }
    markMissing(part, run, lookedUpAt);
    return sharded.twice;
  }

  /** Where the collection is gone, and its drop in the stream. */
  async #now(run: LookupRun): Promise<ClusterTime> {
    const { connection, signal } = this.#options;
    const reply = await connection.command('admin', { ping: 1 }, { signal });
    return replyOperationTime(reply) ?? run.asOf;
  }

  #learn(namespace: string, bytes: number): void {
    const before = this.#sizes.get(namespace);
    this.#sizes.set(namespace, before === undefined ? bytes : before + NEWEST * (bytes - before));
  }
}

/**
 * What a lost cursor had brought stays: it was read after the event, like what its successor
 * brings.
 */
function markMissing(part: ImageWants, run: LookupRun, lookedUpAt: ClusterTime): void {
  for (const change of part.changes) {
    // A delete is expected to find nothing.
    if (change.documentOrigin === 'lookup' || change.operation === 'delete') continue;
    change.documentOrigin = 'missing';
    run.missing.push({ change, lookedUpAt });
  }
}

/**
 * Gives every document of a reply to the change that waits for it. An id that is equal to the
 * server but not in bytes belongs to a later document: ours is missing.
 */
function attachFound(
  array: Buffer,
  waiting: DocumentTable,
  ofNamespace: number,
  sharded: ShardedFinds,
): void {
  eachDocument(array, (start) => {
    const id = locateElement(array, start, ID);
    if (id === undefined) return;
    const hash = documentHash(ofNamespace, id.type, array, id.start, id.end);
    const change = waiting.find(hash, id.type, array, id.start, id.end);
    if (change === undefined) return;
    if (namesShardKey(change)) sharded.add(change);
    setImage(change, array, start);
    change.documentOrigin = 'lookup';
  });
}

/** Changes whose `_id` may stand on several shards, as one reading finds them. */
class ShardedFinds {
  readonly #found = new Set<Change>();
  /** Ids of those that were found more than once. */
  readonly twice: RawElement[] = [];

  add(change: Change): void {
    if (this.#found.has(change)) this.twice.push(change.id);
    this.#found.add(change);
  }
}

/** What an image may be looked up for: its document is the lookup's, or null. */
function isOfLookup({ operation, documentOrigin }: Change): boolean {
  return operation === 'delete' || (operation === 'update' && documentOrigin !== 'postImage');
}

const ID = Buffer.from('_id');

function findCommand(
  connection: MongoConnection,
  collection: string,
  { changes, collectionUuid }: ImageWants,
  asOf: ClusterTime,
): Record<string, unknown> {
  const ids = array(buildArray(changes.map(({ id }) => id)));
  const readConcern = buildDocument([
    ['level', string('majority')],
    ['afterClusterTime', timestamp(asOf)],
  ]);
  return {
    find: collection,
    filter: rawDocument(buildDocument([['_id', doc(buildDocument([['$in', ids]]))]])),
    readConcern: rawDocument(readConcern),
    ...collectionUuidField(connection.server, collectionUuid),
  };
}

class LookupRun {
  readonly asOf: ClusterTime;
  readonly missing: Missing[] = [];
  readonly #budget: number;
  bytes = 0;

  constructor(asOf: ClusterTime, budget: number) {
    this.asOf = asOf;
    this.#budget = budget;
  }

  get isOver(): boolean {
    return this.bytes > this.#budget;
  }
}
