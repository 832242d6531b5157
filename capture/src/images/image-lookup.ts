/**
 * Reads the images of updated documents after the events, with one find for a collection and a
 * thousand ids. The server's own lookup goes event by event and is about fifty times as slow.
 *
 * An image comes from the event's own collection, or there is none. From 6.0 the find names the
 * collection's uuid, and follows it to the name it has now. Before 6.0 there is only the name; if a
 * rename comes later, the collection is read again (see ddl.ts). The find is a majority read that
 * is not older than the commit's last event, so an image is never older than its update.
 */

import type { ClusterTime } from '@waybill/shared/base/position';
import { splitNamespace } from '@waybill/shared/base/record';
import { retry } from '@waybill/shared/base/retry';
import { namespaceHash } from '@waybill/shared/bson/canonical-key';
import type { RawElement } from '@waybill/shared/bson/raw';
import type { MongoConnection } from '@waybill/shared/mongo/driver/connection';
import { openCursor } from '@waybill/shared/mongo/driver/cursor';
import { replyOperationTime } from '@waybill/shared/mongo/driver/reply';
import { openByIdentity } from '@waybill/shared/mongo/facts/collection-identity';
import PQueue from 'p-queue';
import type { Change } from '../record/change.ts';
import { DocumentTable } from '../record/document-table.ts';
import { refuseDuplicates } from '../source/duplicate-ids.ts';
import { type ImageWants, planImages } from './image-plan.ts';
import {
  attachFound,
  findCommand,
  isMissing,
  LookupRun,
  type Missing,
  markMissing,
  ShardedFinds,
} from './lookup-run.ts';

export interface ImageOptions {
  readonly connection: MongoConnection;
  /** How many finds run at once. */
  readonly concurrency: number;
  /** Ids in one find. */
  readonly ids: number;
  /** Bytes of images in one commit; past it the commit has to be cut. */
  readonly budgetBytes: number;
  /** False: only deletes that name a shard key need a lookup. */
  readonly ofUpdates: boolean;
  readonly signal: AbortSignal;
  readonly onLookup?: (documents: number) => void;
}

export type ImageResult =
  | { readonly kind: 'attached'; readonly missing: readonly Missing[]; readonly bytes: number }
  /** The changes are as before: cut the commit and attach again. */
  | { readonly kind: 'too-large' };

/** A find with this many bytes of ids takes no more; a single id may have 16 MiB. */
const ID_BYTES = 1024 * 1024;
/** Weight of the newest size in the moving average. */
const NEWEST = 0.2;

export class ImageLookup {
  readonly #options: ImageOptions;
  readonly #queue: PQueue;
  /** Mean bytes of a document by namespace, to tell how much a commit grows by its images. */
  readonly #sizes = new Map<string, number>();

  constructor(options: ImageOptions) {
    this.#options = options;
    this.#queue = new PQueue({ concurrency: options.concurrency });
  }

  expectedBytes(namespace: string): number {
    return this.#sizes.get(namespace) ?? 0;
  }

  /**
   * Gives each update of one commit its image: `lookup`, `superseded` or `missing`. A delete that
   * names a shard key gets the document with the same `_id` under another shard key, if there is
   * one.
   * @param asOf the last event's cluster time
   * @param unbounded the budget does not count, since the commit cannot be cut further
   * @throws SOURCE_DUPLICATE_ID if there are two such documents
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
      // A closed cursor has given everything; asking again costs a round trip.
      if (batch.done) break;
    }
    // A find by name sees a rename or a drop before a majority has it, and so before the time of
    // its reply. The source's own time is later.
    if (part.collectionUuid === null && part.changes.some(isMissing)) {
      const now = await this.#now(run);
      if (now > lookedUpAt) lookedUpAt = now;
    }
    markMissing(part, run, lookedUpAt);
    return sharded.twice;
  }

  /** A time at or after everything that the source has done. */
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

/** Its document, if it has one, came from the lookup. */
function isOfLookup({ operation, documentOrigin }: Change): boolean {
  return operation === 'delete' || (operation === 'update' && documentOrigin !== 'postImage');
}
