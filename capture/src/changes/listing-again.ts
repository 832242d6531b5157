/**
 * Lists the source again, and records differences from what the stream says as if the server had
 * sent them. Servers before 6.0 tell of no created collection or view, and of no change of indexes
 * or options. Later servers do not tell of a change that came to nothing, such as an index that was
 * being built when it was listed.
 *
 * A listing is not of one moment, and the stream goes on meanwhile. So it counts only if the
 * stream, when it has passed the end of the listing, has brought no structure change since before
 * its beginning. Then the known and the listed collections are the same, and every drop or rename
 * that comes later in the stream came later on the source. The differences are committed at that
 * very place.
 *
 * A crash anywhere does no harm: what was committed is known, and the rest still differs.
 */

import { abortable } from '@waybill/shared/base/lifecycle';
import type { Logger } from '@waybill/shared/base/logger';
import { retry } from '@waybill/shared/base/retry';
import type { StreamPosition } from '@waybill/shared/manifest/position';
import type { MongoConnection } from '@waybill/shared/mongo/driver/connection';
import { type CatalogEntry, listCatalog } from '@waybill/shared/mongo/facts/catalog';
import type { NamespaceFilter } from '@waybill/shared/mongo/facts/namespace-filter';
import { definitionOf } from '../catalog/definition.ts';
import { definitionChanges } from '../catalog/definition-changes.ts';
import type { KnownCollections } from '../catalog/known-collections.ts';
import { pieces } from '../commit/pieces.ts';
import { DDL_EVENTS, type PipelineUnit } from '../commit/units.ts';
import { sourceTime } from '../source/source-clock.ts';
import type { Tailer } from './tailer.ts';

export interface ListingAgainOptions {
  readonly connection: MongoConnection;
  readonly filter: NamespaceFilter;
  readonly known: KnownCollections;
  readonly tailer: Tailer;
  readonly logger: Logger;
  readonly signal: AbortSignal;
}

/**
 * A cutover must not wait for ever while collections come and go: it compares the structure itself
 * in the end.
 */
const ATTEMPTS = 10;

export class ListingAgain {
  readonly #options: ListingAgainOptions;

  constructor(options: ListingAgainOptions) {
    this.#options = options;
  }

  /** Fulfilled when the differences are in the manifest. Needs the tailer to run. */
  async run(): Promise<void> {
    const { logger } = this.#options;
    for (let attempt = 1; attempt <= ATTEMPTS; attempt++) {
      if (await this.#once()) return;
      logger.info('collections came or went while they were listed again', { attempt });
    }
    logger.warn(
      'collections come and go on the source; structure changes that it does not report may be missing, and verify shows them',
    );
  }

  /** False: the stream has brought a structure change meanwhile. */
  async #once(): Promise<boolean> {
    const { connection, filter, known, tailer, signal } = this.#options;
    const { revision } = known;
    const listed = await retry(() => listCatalog(connection, filter, signal), undefined, { signal });
    const end = await sourceTime(this.#options);
    let counts = false;
    const proven = tailer.prove(end, (position) => {
      counts = known.revision === revision;
      return counts ? this.#record(listed, position) : [];
    });
    await abortable(proven, signal);
    return counts;
  }

  #record(listed: readonly CatalogEntry[], position: StreamPosition): PipelineUnit[] {
    const { known, logger } = this.#options;
    const definitions = listed
      .filter((entry) => this.#canCome(entry))
      // Only the documents that a time series has at the start are captured.
      .map(
        (entry) =>
          (entry.type === 'timeseries' && known.get(entry.namespace)) ||
          definitionOf(entry, entry.namespace, false),
      );
    const { ddl, left } = definitionChanges(known.all(), definitions, position.clusterTime);
    for (const { namespace, what } of left) {
      logger.warn(
        'a collection differs from what the stream says, and no event can tell of it; change it on the target by hand',
        { namespace, differs: what },
      );
    }
    for (const { event, definition } of ddl) {
      logger.info('recorded a structure change that the source did not report', {
        operation: event.operation,
        namespace: event.namespace,
      });
      known.apply(event);
      if (definition) known.set(definition);
    }
    return [...pieces(ddl, DDL_EVENTS)].map((some) => ({ kind: 'ddl', ddl: some, position }));
  }

  /**
   * A start refuses such a collection. Here it is left out: writes have stopped, none of its
   * documents has been captured, and verify names it before anything is cut over.
   */
  #canCome({ namespace, type }: CatalogEntry): boolean {
    const { known, logger } = this.#options;
    if (type !== 'timeseries' || known.get(namespace)) return true;
    logger.warn('a new time-series collection is not captured', { namespace });
    return false;
  }
}
