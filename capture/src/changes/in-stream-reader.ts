/**
 * Reading a whole collection behind a rename, as change records with the operation `read`. Needed
 * where a rename brings a collection into the captured namespaces; on every rename before 6.0,
 * since images were looked up by name there and may have been another collection's; on the one that
 * ends a convertToCapped, whose copies no event brings; and where the cluster puts a collection
 * elsewhere under a new uuid: images of updates before it were not found, and what the snapshot had
 * still to read is gone.
 *
 * The committed position stays before the event until all of it is committed, and the definition
 * comes with the position after it. The structure changes are one commit, which says what is being
 * read. A crash before it repeats the whole thing; a crash behind it repeats the reading alone,
 * which ends in the same documents: a source that replaced the collection meanwhile says so behind
 * the event. What is read is of now, and thus later than the rename; events that follow repair it,
 * as with the snapshot.
 */

import { sleep } from '@waybill/shared/base/lifecycle';
import type { Logger } from '@waybill/shared/base/logger';
import { type ClusterTime, formatClusterTime } from '@waybill/shared/base/position';
import { splitNamespace } from '@waybill/shared/base/record';
import { retry } from '@waybill/shared/base/retry';
import { buildDocument } from '@waybill/shared/bson/build';
import { documentHash, laneOf, namespaceHash } from '@waybill/shared/bson/canonical-key';
import type { ChangeEvent } from '@waybill/shared/bson/change-event';
import { findElement, invalidDocument } from '@waybill/shared/bson/raw';
import type { CollectionDefinition, Reading } from '@waybill/shared/manifest/commit';
import type { MongoConnection } from '@waybill/shared/mongo/driver/connection';
import { type CatalogEntry, listCatalog } from '@waybill/shared/mongo/facts/catalog';
import { listCollections } from '@waybill/shared/mongo/facts/collections';
import { NamespaceFilter } from '@waybill/shared/mongo/facts/namespace-filter';
import { readRange } from '@waybill/shared/mongo/read/range-reader';
import { definitionOf, definitionOfCreate } from '../catalog/definition.ts';
import type { KnownCollections } from '../catalog/known-collections.ts';
import type { ChangePipeline } from '../commit/change-pipeline.ts';
import type { Change, StreamPosition } from './change.ts';
import type { DdlDecision } from './ddl.ts';
import type { SealedDdlEvent } from './sealing.ts';
import { creation, synthetic } from './synthetic-ddl.ts';

export interface InStreamOptions {
  readonly connection: MongoConnection;
  readonly pipeline: ChangePipeline;
  readonly known: KnownCollections;
  /** What the capture before this one was reading when it ended. */
  readonly underWay: Reading | null;
  readonly lanes: number;
  readonly commitBytes: number;
  readonly logger: Logger;
  readonly signal: AbortSignal;
}

type Reread = DdlDecision & { readonly kind: 'moved' | 'reread' };
type Moved = DdlDecision & { readonly kind: 'moved' };

interface ReadAs {
  /** The name that the records get. */
  readonly namespace: string;
  readonly event: ChangeEvent;
  readonly hold: StreamPosition;
}

/** A router may list a collection for a moment that has just moved. */
const MOVING_MS = 200;

export class InStreamReader {
  readonly #options: InStreamOptions;

  constructor(options: InStreamOptions) {
    this.#options = options;
  }

  /**
   * Commits the decision's structure changes and the collection's documents, all with the position
   * `hold`. Gives the definition to commit with the position after the event; null where the
   * collection is gone.
   */
  async reread(
    decision: Reread,
    event: ChangeEvent,
    hold: StreamPosition,
  ): Promise<CollectionDefinition | null> {
    if (decision.kind === 'moved') return this.#rereadMoved(decision, event, hold);
    const { namespace } = decision;
    const uuid = event.operationType === 'rename' ? event.collectionUuid : null;
    const entry = await this.#present(namespace, uuid);
    const same = this.#isUnderWay(namespace, event)
      ? sameAs(entry, this.#options.known.get(namespace))
      : await this.#begin(decision, event, entry, hold);
    const find = (): Promise<CatalogEntry | undefined> => this.#present(namespace, uuid);
    await this.#readAll(entry, find, { namespace, event, hold });
    if (!entry) return null;
    const now = definitionOf(entry, namespace, false);
    // What no event has told of it is still to be told: see catalog/listing-again.ts.
    return same ? { ...now, options: same.options, indexes: same.indexes } : now;
  }

  /**
   * The capture before this one had committed its structure changes; who repeats them drops what
   * only the reading has brought.
   */
  #isUnderWay(namespace: string, event: ChangeEvent): boolean {
    const { underWay } = this.#options;
    return underWay?.namespace === namespace && underWay.clusterTime === formatClusterTime(event.clusterTime);
  }

  /**
   * Commits the structure changes. Gives what is known of the collection, where it is
   * the one that was renamed.
   */
  async #begin(
    { namespace, before }: Reread & { readonly kind: 'reread' },
    event: ChangeEvent,
    entry: CatalogEntry | undefined,
    hold: StreamPosition,
  ): Promise<CollectionDefinition | null> {
    const { pipeline, known } = this.#options;
    const { clusterTime } = event;
    const wasKnown = event.namespace === null ? undefined : known.get(event.namespace);
    const ddl: SealedDdlEvent[] = before.map((each) => ({ event: each, definition: null }));
    for (const each of before) known.apply(each);
    const renamedInside = before.some(({ operation }) => operation === 'rename');
    const same = renamedInside ? sameAs(entry, wasKnown) : null;
    if (entry && !same) {
      // Another collection than the one we believed in: what was captured under the name may hold
      // documents that this one never had, and only starting it afresh removes them.
      if (renamedInside) {
        ddl.push({
          event: { ...synthetic('drop', namespace, clusterTime), synthetic: true },
          definition: null,
        });
      }
      ddl.push(...creation(definitionOf(entry, namespace, false), clusterTime));
    }
    const reading = { namespace, clusterTime: formatClusterTime(clusterTime) };
    if (ddl.length > 0) await pipeline.push({ kind: 'ddl', ddl, position: hold, reading });
    return same;
  }

  /**
   * Options and lanes are what they were; only the uuid is new, and indexes that the move may have
   * made.
   */
  async #rereadMoved(
    { namespace, uuid, final }: Moved,
    event: ChangeEvent,
    hold: StreamPosition,
  ): Promise<CollectionDefinition> {
    const { pipeline, known } = this.#options;
    const wasKnown = known.get(namespace) ?? definitionOfCreate(namespace, uuid, null);
    const bytes = Buffer.from(uuid, 'hex');
    // Where the new one is not visible yet, the old one is, and no write comes to it any more.
    const find = async (): Promise<CatalogEntry | undefined> =>
      (await this.#present(namespace, bytes)) ?? (await this.#present(namespace, null));
    const entry = await find();
    if (final && entry) {
      // Without the create, which a load would take for another collection.
      const [, ...indexes] = creation(definitionOf(entry, namespace, false), event.clusterTime);
      // The definition belongs to the position behind the event.
      const ddl = indexes.map(({ event: each }) => ({ event: each, definition: null }));
      if (ddl.length > 0) await pipeline.push({ kind: 'ddl', ddl, position: hold });
    }
    await this.#readAll(entry, find, { namespace, event, hold });
    return { ...wasKnown, uuid, snapshot: false };
  }

  /**
   * A collection that goes away while it is read may have moved on: then it is read where it is
   * now.
   */
  async #readAll(
    first: CatalogEntry | undefined,
    find: () => Promise<CatalogEntry | undefined>,
    { namespace, event, hold }: ReadAs,
  ): Promise<void> {
    const { logger, signal } = this.#options;
    for (let entry = first; ; entry = await find()) {
      if (!entry) {
        logger.info('a collection is gone before it could be read', { namespace });
        return;
      }
      const { documents } = entry;
      logger.info('reading a collection behind a change of structure', { namespace, documents });
      if (await this.#read(entry, namespace, event.clusterTime, hold)) return;
      await sleep(MOVING_MS, signal);
    }
  }

  /** What a collection is now, as the structure changes that would have made it. */
  async describe(namespace: string, time: ClusterTime): Promise<SealedDdlEvent[]> {
    const entry = await this.#present(namespace, null);
    if (entry) return creation(definitionOf(entry, namespace, false), time);
    const definition = definitionOfCreate(namespace, null, null);
    return [{ event: synthetic('create', namespace, time), definition }];
  }

  /** The collection under whatever name it has now; by name where there is no uuid. */
  async #present(namespace: string, uuid: Buffer | null): Promise<CatalogEntry | undefined> {
    const { connection, signal } = this.#options;
    const { database, collection } = splitNamespace(namespace);
    return retry(
      async () => {
        let name: string | undefined = collection;
        if (uuid) {
          const all = await listCollections(connection, database, { signal });
          name = all.find((each) => each.uuid?.equals(uuid))?.name;
          if (name === undefined) return undefined;
        }
        // A name may hold a star, which a pattern would take for any text; the list is looked
        // through below.
        const filter = new NamespaceFilter({ include: [`${database}.${name}`] });
        const entries = await listCatalog(connection, filter, signal);
        return entries.find((each) => each.name === name && each.type === 'collection');
      },
      undefined,
      { signal },
    );
  }

  /** False: the collection went away, and all of it may not have been read. */
  async #read(
    entry: CatalogEntry,
    namespace: string,
    time: ClusterTime,
    hold: StreamPosition,
  ): Promise<boolean> {
    const { connection, pipeline, commitBytes, signal } = this.#options;
    const reader = readRange(connection, entry.namespace, {
      uuid: entry.uuid,
      natural: entry.capped,
      notBefore: time,
      signal,
    });
    let changes: Change[] = [];
    let bytes = 0;
    const seal = async (): Promise<void> => {
      if (changes.length === 0) return;
      await pipeline.push({
        kind: 'changes',
        changes,
        before: hold,
        position: hold,
        partialTransaction: false,
        bytes,
      });
      changes = [];
      bytes = 0;
    };
    for await (const batch of reader) {
      for (const document of batch.documents) changes.push(this.#change(entry, namespace, time, document));
      bytes += batch.bytes;
      if (bytes >= commitBytes) await seal();
    }
    await seal();
    return reader.outcome === 'complete';
  }

  #change(entry: CatalogEntry, namespace: string, time: ClusterTime, document: Buffer): Change {
    const id = findElement(document, '_id');
    if (!id) throw invalidDocument('a document of a collection has no _id');
    const isSingleLane = entry.collated || entry.capped;
    return {
      sequence: 0,
      operation: 'read',
      namespace,
      collectionUuid: entry.uuid,
      clusterTime: time,
      wallTime: null,
      transaction: null,
      documentKey: buildDocument([['_id', id]]),
      document,
      documentOrigin: 'snapshot',
      update: null,
      before: null,
      id,
      hash: documentHash(namespaceHash(namespace), id.type, id.bytes, 0, id.bytes.length),
      resumeToken: null,
      bytes: document.length,
      lane: laneOf(namespace, isSingleLane ? null : id, this.#options.lanes),
      capped: entry.capped,
    };
  }
}

function sameAs(
  entry: CatalogEntry | undefined,
  known: CollectionDefinition | undefined,
): CollectionDefinition | null {
  return entry && known?.uuid === hexOf(entry.uuid) ? known : null;
}

function hexOf(uuid: Buffer | null): string | null {
  return uuid?.toString('hex') ?? null;
}
