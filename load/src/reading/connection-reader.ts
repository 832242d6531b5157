/** Reads through MongoDB's own commands. */
import type { ClusterTime } from '@waybill/shared/base/position';
import { splitNamespace } from '@waybill/shared/base/record';
import { array, buildArray, buildDocument, doc } from '@waybill/shared/bson/build';
import { findElement, type RawElement } from '@waybill/shared/bson/raw';
import { readNumber } from '@waybill/shared/bson/values';
import type { MongoConnection } from '@waybill/shared/mongo/driver/connection';
import { openCursor } from '@waybill/shared/mongo/driver/cursor';
import { rawDocument } from '@waybill/shared/mongo/driver/raw-value';
import { type CatalogEntry, listCatalog } from '@waybill/shared/mongo/facts/catalog';
import { NamespaceFilter } from '@waybill/shared/mongo/facts/namespace-filter';
import { currentOperationTime } from '@waybill/shared/mongo/facts/operation-time';
import { duplicateIds } from '@waybill/shared/mongo/read/duplicate-ids';
import { type RangeBatch, readRange } from '@waybill/shared/mongo/read/range-reader';
import { readConcernOf } from '@waybill/shared/mongo/read/read-concern';
import type { Found } from '../target/rules/abilities.ts';
import type { DocumentReader, FindOptions, RangeOptions } from './document-reader.ts';

/** In which a server may differ from MongoDB's. */
export type ReadAbilities = Pick<Found, 'keepsTime' | 'readsByKeys' | 'readsMajority'>;

const ALL: ReadAbilities = { keepsTime: true, readsByKeys: true, readsMajority: true };

export class ConnectionReader implements DocumentReader {
  readonly mayRepeatIds: boolean;
  readonly #connection: MongoConnection;
  /** A server without a replica set knows no majority, and has no operation time. */
  readonly #readConcern: 'majority' | null;
  readonly #can: ReadAbilities;
  readonly #only: string | null;

  /** @param onlyDatabase the one that can be asked; null where there may be others */
  constructor(connection: MongoConnection, can: ReadAbilities = ALL, onlyDatabase: string | null = null) {
    const { topology } = connection.server;
    // A load balancer stands before the routers of a sharded cluster.
    this.mayRepeatIds = topology === 'sharded' || topology === 'loadBalanced';
    this.#connection = connection;
    this.#can = can;
    this.#only = onlyDatabase;
    this.#readConcern = topology === 'standalone' || !can.readsMajority ? null : 'majority';
  }

  catalog(filter: NamespaceFilter, signal: AbortSignal): Promise<CatalogEntry[]> {
    const within =
      this.#only === null ? filter : new NamespaceFilter({ include: [this.#only], within: filter });
    return listCatalog(this.#connection, within, signal);
  }

  async operationTime(signal: AbortSignal): Promise<ClusterTime | undefined> {
    if (this.#readConcern === null || !this.#can.keepsTime) return undefined;
    return currentOperationTime(this.#connection, { signal });
  }

  range(namespace: string, options: RangeOptions): AsyncIterable<RangeBatch> {
    return readRange(this.#connection, namespace, {
      ...options,
      readConcern: this.#readConcern,
      byKeys: this.#can.readsByKeys,
    });
  }

  async find(
    namespace: string,
    ids: readonly RawElement[],
    { notBefore, idOnly, signal }: FindOptions,
    found: (document: Buffer) => void,
  ): Promise<ClusterTime | null> {
    const { database, collection } = splitNamespace(namespace);
    const filter = buildDocument([['_id', doc(buildDocument([['$in', array(buildArray(ids))]]))]]);
    const command = {
      find: collection,
      filter: rawDocument(filter),
      ...(idOnly && { projection: { _id: 1 } }),
      ...(this.#readConcern !== null && { readConcern: readConcernOf(this.#readConcern, notBefore) }),
    };
    await using cursor = await openCursor(this.#connection, database, command, { signal });
    let time: ClusterTime | null = null;
    for (let batch = await cursor.next(); batch; batch = await cursor.next()) {
      for (const document of batch.documents) found(document);
      if (batch.operationTime !== null && (time === null || batch.operationTime > time))
        time = batch.operationTime;
    }
    return time;
  }

  duplicateIds(
    namespace: string,
    ids: readonly RawElement[],
    signal: AbortSignal,
  ): Promise<readonly RawElement[]> {
    return duplicateIds(this.#connection, { namespace, collectionUuid: null }, ids, signal);
  }

  async count(namespace: string, signal: AbortSignal): Promise<number> {
    const { database, collection } = splitNamespace(namespace);
    const command = { aggregate: collection, pipeline: [{ $group: { _id: null, n: { $sum: 1 } } }] };
    await using cursor = await openCursor(this.#connection, database, command, { signal });
    const [result] = (await cursor.next())?.documents ?? [];
    return result ? readNumber(findElement(result, 'n')) : 0;
  }
}
