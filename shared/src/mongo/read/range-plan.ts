/**
 * Cuts a collection into `_id` ranges of about equal bytes. The cuts are `_id`s that exist. The
 * server itself sorts them, with the collection's own collation. So their order is that of the
 * `_id` index, whatever types are mixed in it.
 */
import { hasCode } from '../../base/errors.ts';
import type { MongoConnection } from '../driver/connection.ts';
import { openCursor } from '../driver/cursor.ts';
import { readAgainIfLost } from '../driver/read-all.ts';
import type { CatalogEntry } from '../facts/catalog.ts';
import { collectionUuidField } from '../facts/collection-identity.ts';

/**
 * Raw BSON of `{_id: bound}`: the lower one is inclusive, the upper one exclusive, and null is
 * open. Together the ranges of a collection cover it.
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
  /** The sampled documents `{_id: …}`, in the order of the index; none if one range is enough. */
  readonly sampled: readonly Buffer[];
}

const WHOLE: RangePlan = { ranges: [{ lower: null, upper: null }], sampled: [] };
const DEFAULT_RANGE_BYTES = 128 * 1024 * 1024;
const DEFAULT_MAX_RANGES = 10_000;
const SAMPLES_A_RANGE = 20;
/** Keeps the sorted sample far below the server's 100 MiB for a sort. */
const MAX_SAMPLES = 100_000;
/**
 * `$sample` walks the collection randomly only for less than 5 % of it. Above that it would read
 * and sort the whole collection.
 */
const LARGEST_SAMPLED_SHARE = 0.04;

/**
 * Gives one range for a collection that is small, capped (natural order is its meaning), or of a
 * kind without an `_id` index. Planning affects speed only: if sampling is not possible, the answer
 * is one range.
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
    ? // There are so few documents that every `_id` can be read, from the index alone.
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
    // The collection was dropped or renamed since it was listed, and reading it will find out. Or
    // the target cannot sample.
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

/** At most `wanted` ranges, with the same number of sampled ids in each. */
export function cut(sortedIds: readonly Buffer[], wanted: number): readonly Range[] {
  const bounds: Buffer[] = [];
  for (let index = 1; index < wanted; index++) {
    const bound = sortedIds[Math.floor((index * sortedIds.length) / wanted)];
    if (bound && !bounds.at(-1)?.equals(bound)) bounds.push(bound);
  }
  return [null, ...bounds].map((lower, index) => ({ lower, upper: bounds[index] ?? null }));
}
