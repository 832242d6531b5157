/** The documents of a collection as change records with the operation `read`. */

import { sleep } from '@waybill/shared/base/lifecycle';
import type { Logger } from '@waybill/shared/base/logger';
import type { ClusterTime } from '@waybill/shared/base/position';
import { splitNamespace } from '@waybill/shared/base/record';
import { retry } from '@waybill/shared/base/retry';
import { buildDocument } from '@waybill/shared/bson/build';
import { documentHash, laneOf, namespaceHash } from '@waybill/shared/bson/canonical-key';
import { findElement, invalidDocument } from '@waybill/shared/bson/raw';
import type { StreamPosition } from '@waybill/shared/manifest/position';
import type { MongoConnection } from '@waybill/shared/mongo/driver/connection';
import { type CatalogEntry, listCatalog } from '@waybill/shared/mongo/facts/catalog';
import { listCollections } from '@waybill/shared/mongo/facts/collections';
import { NamespaceFilter } from '@waybill/shared/mongo/facts/namespace-filter';
import { readRange } from '@waybill/shared/mongo/read/range-reader';
import type { SealedChanges } from '../commit/units.ts';
import type { Change } from '../record/change.ts';

export interface CollectionReaderOptions {
  readonly connection: MongoConnection;
  readonly lanes: number;
  readonly commitSize: number;
  readonly logger: Logger;
  readonly signal: AbortSignal;
}

/** What the records say of the documents. */
export interface ReadAs {
  readonly namespace: string;
  /** Of the event behind which they are read; they are not older. */
  readonly time: ClusterTime;
  /** The committed position while they are read. */
  readonly hold: StreamPosition;
}

/** A router may list a collection for a moment that has just moved. */
const MOVING_MS = 200;

export class CollectionReader {
  readonly #options: CollectionReaderOptions;

  constructor(options: CollectionReaderOptions) {
    this.#options = options;
  }

  /** The collection under the name that it has now; found by name if there is no uuid. */
  async present(namespace: string, uuid: Buffer | null): Promise<CatalogEntry | undefined> {
    const { connection, signal } = this.#options;
    const { database, collection } = splitNamespace(namespace);
    const look = async (): Promise<CatalogEntry | undefined> => {
      let name: string | undefined = collection;
      if (uuid) {
        const all = await listCollections(connection, database, { signal });
        name = all.find((each) => each.uuid?.equals(uuid))?.name;
        if (name === undefined) return undefined;
      }
      // A name may hold a star, which a pattern would take for any text; so the list is searched.
      const filter = new NamespaceFilter({ include: [`${database}.${name}`] });
      const entries = await listCatalog(connection, filter, signal);
      return entries.find((each) => each.name === name && each.type === 'collection');
    };
    return retry(look, undefined, { signal });
  }

  /** A collection that goes away while it is read may have moved; then it is read there. */
  async *readAll(
    first: CatalogEntry | undefined,
    find: () => Promise<CatalogEntry | undefined>,
    as: ReadAs,
  ): AsyncGenerator<SealedChanges> {
    const { logger, signal } = this.#options;
    const { namespace } = as;
    for (let entry = first; ; entry = await find()) {
      if (!entry) {
        logger.info('a collection was gone before it could be read', { namespace });
        return;
      }
      const { documents } = entry;
      logger.info('reading a collection after a structure change', { namespace, documents });
      if (yield* this.#read(entry, as)) return;
      await sleep(MOVING_MS, signal);
    }
  }

  /** False: the collection went away, and all of it may not have been read. */
  async *#read(entry: CatalogEntry, as: ReadAs): AsyncGenerator<SealedChanges, boolean> {
    const { connection, commitSize, signal } = this.#options;
    const reader = readRange(connection, entry.namespace, {
      uuid: entry.uuid,
      natural: entry.capped,
      notBefore: as.time,
      signal,
    });
    let changes: Change[] = [];
    let bytes = 0;
    for await (const batch of reader) {
      for (const document of batch.documents) changes.push(this.#change(entry, as, document));
      bytes += batch.bytes;
      if (bytes < commitSize) continue;
      yield sealed(changes, bytes, as.hold);
      changes = [];
      bytes = 0;
    }
    if (changes.length > 0) yield sealed(changes, bytes, as.hold);
    return reader.outcome === 'complete';
  }

  #change(entry: CatalogEntry, { namespace, time }: ReadAs, document: Buffer): Change {
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

function sealed(changes: Change[], bytes: number, hold: StreamPosition): SealedChanges {
  return { kind: 'changes', changes, before: hold, position: hold, partialTransaction: false, bytes };
}
