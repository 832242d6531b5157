/**
 * Reads one side of a comparison: the source, or a target. All reads see what a majority holds,
 * where the deployment has majorities. Documents are raw bytes.
 */
import type { ClusterTime } from '@waybill/shared/base/position';
import type { RawElement } from '@waybill/shared/bson/raw';
import type { CatalogEntry } from '@waybill/shared/mongo/facts/catalog';
import type { NamespaceFilter } from '@waybill/shared/mongo/facts/namespace-filter';
import type { RangeBatch, ReadRangeOptions } from '@waybill/shared/mongo/read/range-reader';

export interface FindOptions {
  /** Read nothing older than this. */
  readonly notBefore: ClusterTime | undefined;
  readonly idOnly?: boolean;
  readonly signal: AbortSignal;
}

export type RangeOptions = Pick<
  ReadRangeOptions,
  'lower' | 'upper' | 'natural' | 'notBefore' | 'batchBytes' | 'signal'
>;

/** Methods make one attempt and reject with WaybillErrors, unless they say that they retry. */
export interface DocumentReader {
  /** Two documents may have one `_id`: on different shards. */
  readonly mayRepeatIds: boolean;
  /** Collections and views that the filter has in, with their options and indexes. */
  catalog(filter: NamespaceFilter, signal: AbortSignal): Promise<readonly CatalogEntry[]>;
  /**
   * A time at or after every write acknowledged before the call; undefined where there are none.
   */
  operationTime(signal: AbortSignal): Promise<ClusterTime | undefined>;
  /** One range in the order of `_id`, or in natural order. Retries, and goes on where it was. */
  range(namespace: string, options: RangeOptions): AsyncIterable<RangeBatch>;
  /**
   * Calls `found` with each document that has one of the ids, or an id that the server holds equal.
   * One command. Resolves to a time that no write seen here is later than; null where there is
   * none.
   */
  find(
    namespace: string,
    ids: readonly RawElement[],
    options: FindOptions,
    found: (document: Buffer) => void,
  ): Promise<ClusterTime | null>;
  /** The ids, of these, that two documents have for good. Retries. */
  duplicateIds(
    namespace: string,
    ids: readonly RawElement[],
    signal: AbortSignal,
  ): Promise<readonly RawElement[]>;
  /** Documents of a whole collection, counted and not estimated. */
  count(namespace: string, signal: AbortSignal): Promise<number>;
}
