/** Which collections there are to copy, as of T0. */

import { WaybillError } from '@waybill/shared/base/errors';
import type { Logger } from '@waybill/shared/base/logger';
import type { ClusterTime } from '@waybill/shared/base/position';
import { retry } from '@waybill/shared/base/retry';
import type { CollectionDefinition, DdlEvent } from '@waybill/shared/manifest/commit';
import type { MongoConnection } from '@waybill/shared/mongo/driver/connection';
import { type CatalogEntry, listCatalog } from '@waybill/shared/mongo/facts/catalog';
import type { NamespaceFilter } from '@waybill/shared/mongo/facts/namespace-filter';
import { ChangeStreamReader } from '../source/change-stream.ts';
import { sourceTime } from '../source/source-clock.ts';
import type { StreamOptions, StreamStart } from '../source/stream-options.ts';
import { asDdlEvent } from './ddl-event.ts';
import { definitionOf } from './definition.ts';
import { namesAtT0 } from './names-at-t0.ts';

export interface DiscoveryOptions {
  readonly connection: MongoConnection;
  readonly filter: NamespaceFilter;
  readonly stream: StreamOptions;
  readonly timeSeries: 'refuse' | 'snapshot-only';
  readonly logger: Logger;
  readonly signal: AbortSignal;
}

/**
 * The captured collections and views under the names they had at T0. They are listed after T0, and
 * the stream tells what happened in between. That is a few seconds of it; the tailer reads it again
 * from T0.
 *
 * Errors: SOURCE_UNSUPPORTED, which names every collection that cannot be captured.
 */
export async function discover(
  start: StreamStart,
  options: DiscoveryOptions,
): Promise<CollectionDefinition[]> {
  const { connection, filter, logger, signal } = options;
  const listed = await retry(() => listCatalog(connection, filter, signal), undefined, { signal });
  refuseUnsupported(listed, options.timeSeries);
  const listedAt = await sourceTime(options);
  const events = await structureChanges(start, listedAt, options);
  const names = namesAtT0(
    listed.map(({ namespace, uuid }) => ({ namespace, uuid: uuid?.toString('hex') ?? null })),
    events,
    connection.server.topology === 'sharded',
  );
  const definitions: CollectionDefinition[] = [];
  for (const entry of listed) {
    const atT0 = names.get(entry.namespace);
    // It was created after T0, or renamed into the captured names since: the stream brings it.
    if (atT0 === null || atT0 === undefined || !filter.matches(atT0)) continue;
    definitions.push(definitionOf(entry, atT0, true));
  }
  logger.info('collections listed', {
    collections: definitions.filter(({ snapshot }) => snapshot).length,
    views: definitions.filter(({ type }) => type === 'view').length,
    ...(events.length > 0 && { changedMeanwhile: events.length }),
  });
  return definitions;
}

/** Short, since an empty answer ends the reading. */
const END_AWAIT_MS = 20;

async function structureChanges(
  start: StreamStart,
  until: ClusterTime,
  options: DiscoveryOptions,
): Promise<DdlEvent[]> {
  const { connection, stream, logger, signal } = options;
  await using reader = new ChangeStreamReader({
    connection,
    stream,
    start,
    lastEvent: null,
    awaitMs: END_AWAIT_MS,
    logger,
    signal,
  });
  const isSharded = connection.server.topology === 'sharded';
  const found: DdlEvent[] = [];
  for (;;) {
    const batch = await reader.next();
    for (const event of batch.events) {
      const ddl = asDdlEvent(event);
      if (ddl) found.push(ddl);
    }
    const time = batch.time ?? batch.events.at(-1)?.clusterTime ?? 0n;
    if (time > until) return found;
    // An idle replica set gives no later time. The listing may be ahead of what a majority has, and
    // then the stream ends before it.
    const isThere = batch.time === null || batch.time >= until;
    if (!isSharded && batch.reachedEnd && isThere) return found;
  }
}

function refuseUnsupported(listed: readonly CatalogEntry[], timeSeries: 'refuse' | 'snapshot-only'): void {
  const series = listed.filter(({ type }) => type === 'timeseries').map(({ namespace }) => namespace);
  const encrypted = listed.filter((entry) => entry.encrypted).map(({ namespace }) => namespace);
  if (encrypted.length > 0) throw unsupported('queryable encryption', encrypted);
  if (series.length > 0 && timeSeries === 'refuse') throw unsupported('time-series', series);
}

const NAMED = 20;

function unsupported(what: string, namespaces: readonly string[]): WaybillError {
  const more = namespaces.length > NAMED ? ` and ${namespaces.length - NAMED} more` : '';
  const names = namespaces.slice(0, NAMED).join(', ');
  return new WaybillError(
    'SOURCE_UNSUPPORTED',
    `collections with ${what} cannot be captured: ${names}${more}`,
    {
      hint: `Leave them out: ${namespaces
        .slice(0, NAMED)
        .map((namespace) => `--exclude ${namespace}`)
        .join(' ')}`,
      context: { collections: namespaces.length },
    },
  );
}
