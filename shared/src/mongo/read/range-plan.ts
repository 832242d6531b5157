/**
 * Cuts a collection into `_id` ranges of about equal bytes. The cuts are `_id`s that exist; the
 * server itself sorts them, with the collection's own collation, so the order is the one of the
 * `_id` index whatever types are mixed in it.
 */
import { hasCode } from '../../base/errors.ts';
import type { MongoConnection } from '../driver/connection.ts';
import { openCursor } from '../driver/cursor.ts';
import { readAgainIfLost } from '../driver/read-all.ts';
import type { CatalogEntry } from '../facts/catalog.ts';
import { collectionUuidField } from '../facts/collection-identity.ts';

/**
 * Raw BSON of `{_id: bound}`: lower inclusive, upper exclusive, null open. Together the ranges of a
 * collection cover it.
 */
export interface Range {
  readonly lower: Buffer | null;
  readonly upper: Buffer | null;
}

export interface PlanOptions {
  /** Default 128 MiB. */
  readonly rangeBytes?: number | undefined;
  /** Default 10,000. */
  readonly maxRanges?: number | undefined;
  readonly signal?: AbortSignal | undefined;
}

export type PlannedCollection = Pick<
  CatalogEntry,
  'database' | 'name' | 'type' | 'uuid' | 'capped' | 'documents' | 'bytes'
>;

export interface RangePlan {
  readonly ranges: readonly Range[];
  /**
   * Documents `{_id: …}` that were looked at, in the order of the index; none where one range is
   * enough.
   */
  readonly sampled: readonly Buffer[];
}

const WHOLE: RangePlan = { ranges: [{ lower: null, upper: null }], sampled: [] };
const DEFAULT_RANGE_BYTES = 128 * 1024 * 1024;
const DEFAULT_MAX_RANGES = 10_000;
const SAMPLES_A_RANGE = 20;
/** Keeps the sorted sample far below the server's 100 MiB for a sort. */
const MAX_SAMPLES = 100_000;
/**
 * `$sample` walks the collection randomly only for less than 5 % of it; above that it would read
 * and sort the whole.
 */
const LARGEST_SAMPLED_SHARE = 0.04;

/**
 * One range for what is small, capped (natural order is its meaning), or of a kind without an `_id`
 * index. Planning is a matter of speed only: where sampling is not possible the answer is one
 * range.
 */
export async function planRanges(
  connection: MongoConnection,
  collection: PlannedCollection,
  options: PlanOptions = {},
): Promise<RangePlan> {
  const { rangeBytes = DEFAULT_RANGE_BYTES, maxRanges = DEFAULT_MAX_RANGES, signal } = options;
  const wanted = Math.min(maxRanges, Math.ceil(collection.bytes / rangeBytes), collection.documents);
  if (wanted < 2 || collection.capped || collection.type !== 'collection') return WHOLE;
  const samples = Math.min(wanted * SAMPLES_A_RANGE, MAX_SAMPLES);
  const few = samples > collection.documents * LARGEST_SAMPLED_SHARE;
  const pipeline = few
    ? // So few documents that every `_id` can be read, from the index alone.
      [{ $sort: { _id: 1 } }, { $project: { _id: 1 } }]
    : [{ $sample: { size: samples } }, { $project: { _id: 1 } }, { $sort: { _id: 1 } }];
  try {
    const every = few ? Math.max(1, Math.floor(collection.documents / (wanted * SAMPLES_A_RANGE))) : 1;
    const sampled = await readAgainIfLost(
      () => sampledIds(connection, collection, pipeline, every, signal),
      signal,
    );
    return { ranges: cut(sampled, wanted), sampled };
  } catch (error) {
    // Dropped or renamed since it was listed: reading it will find out. Or a target that cannot
    // sample.
    if (hasCode(error, 'MONGO_COMMAND_FAILED')) return WHOLE;
    throw error;
  }
}

async function sampledIds(
  connection: MongoConnection,
  collection: PlannedCollection,
  pipeline: readonly object[],
  every: number,
  signal: AbortSignal | undefined,
): Promise<Buffer[]> {
  const command = {
    aggregate: collection.name,
    pipeline,
    ...collectionUuidField(connection.server, collection.uuid),
  };
  await using cursor = await openCursor(connection, collection.database, command, { signal });
  const ids: Buffer[] = [];
  let seen = 0;
  for (let batch = await cursor.next(); batch; batch = await cursor.next()) {
    for (const document of batch.documents) {
      // A random walk may meet a document twice. Equal but different ids cannot be in one
      // collection.
      if (seen++ % every === 0 && !ids.at(-1)?.equals(document)) ids.push(Buffer.from(document));
    }
  }
  return ids;
}

/** `wanted` ranges at most, with the same number of sampled ids in each. */
export function cut(sortedIds: readonly Buffer[], wanted: number): readonly Range[] {
  const bounds: Buffer[] = [];
  for (let index = 1; index < wanted; index++) {
    const bound = sortedIds[Math.floor((index * sortedIds.length) / wanted)];
    if (bound && !bounds.at(-1)?.equals(bound)) bounds.push(bound);
  }
  return [null, ...bounds].map((lower, index) => ({ lower, upper: bounds[index] ?? null }));
}
