/** Reads the source under the names that its collections have on the target. */
import type { ClusterTime } from '@waybill/shared/base/position';
import type { RawElement } from '@waybill/shared/bson/raw';
import type { CatalogEntry } from '@waybill/shared/mongo/facts/catalog';
import type { NamespaceFilter } from '@waybill/shared/mongo/facts/namespace-filter';
import type { RangeBatch } from '@waybill/shared/mongo/read/range-reader';
import type { DocumentReader, FindOptions, RangeOptions } from './document-reader.ts';

export class RenamedReader implements DocumentReader {
  readonly mayRepeatIds: boolean;
  readonly #reader: DocumentReader;
  readonly #sourceOf: (namespace: string) => string;

  constructor(reader: DocumentReader, sourceOf: (namespace: string) => string) {
    this.#reader = reader;
    this.#sourceOf = sourceOf;
    this.mayRepeatIds = reader.mayRepeatIds;
  }

  /** By the source's own names: only its reader knows which there are. */
  catalog(filter: NamespaceFilter, signal: AbortSignal): Promise<readonly CatalogEntry[]> {
    return this.#reader.catalog(filter, signal);
  }

  operationTime(signal: AbortSignal): Promise<ClusterTime | undefined> {
    return this.#reader.operationTime(signal);
  }

  range(namespace: string, options: RangeOptions): AsyncIterable<RangeBatch> {
    return this.#reader.range(this.#sourceOf(namespace), options);
  }

  find(
    namespace: string,
    ids: readonly RawElement[],
    options: FindOptions,
    found: (document: Buffer) => void,
  ): Promise<ClusterTime | null> {
    return this.#reader.find(this.#sourceOf(namespace), ids, options, found);
  }

  duplicateIds(
    namespace: string,
    ids: readonly RawElement[],
    signal: AbortSignal,
  ): Promise<readonly RawElement[]> {
    return this.#reader.duplicateIds(this.#sourceOf(namespace), ids, signal);
  }

  count(namespace: string, signal: AbortSignal): Promise<number> {
    return this.#reader.count(this.#sourceOf(namespace), signal);
  }
}
