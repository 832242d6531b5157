/**
 * Building indexes on the target in their held-back form. Idempotent: what stands there already is
 * left.
 */
import { DEFAULT_RETRY, type RetryPolicy } from '@waybill/shared/base/retry';
import PQueue from 'p-queue';
import { sideBySide } from '../base/side-by-side.ts';
import { isRefusal, refusalText } from './blocked.ts';
import { settledIndexes } from './collections.ts';
import { attempt, type StructureContext } from './context.ts';
import { planIndexes } from './index-plan.ts';
import type { TranslatedIndex } from './index-spec.ts';
import { isCollated } from './options.ts';
import type { CollectionRecord, IndexRecord } from './registry.ts';

export interface IndexReport {
  readonly namespace: string;
  readonly name: string;
  readonly verdict: 'ok' | 'altered' | 'skipped' | 'blocked' | 'deferred' | 'waiting';
  readonly note: string | null;
}

/** A build may outlast any socket; the repeated command then joins the build that is under way. */
const BUILD_RETRY: RetryPolicy = { ...DEFAULT_RETRY, maxElapsedMs: Number.POSITIVE_INFINITY };
/** Index builds at once: each is one thread of the server, and reads a whole collection. */
const BUILDS_AT_ONCE = 2;
/** Of small collections: there a build is nearly all waiting for a majority. */
const SMALL_BUILDS_AT_ONCE = 8;
const SMALL_BYTES = 1 << 20;

export const IN_THE_WAY = 'another index of that name stood on the target before the load';

/** Gives each build its turn. */
type Turn = (build: () => Promise<void>) => Promise<void>;
const AT_ONCE: Turn = (build) => build();

/** Builds what waits, of all collections, the largest first if so ordered. */
export async function buildAllIndexes(
  context: StructureContext,
  namespaces: readonly string[],
): Promise<void> {
  const isSmall = (namespace: string): boolean =>
    (context.stats.collections.get(namespace)?.bytes ?? Number.POSITIVE_INFINITY) <= SMALL_BYTES;
  await sideBySide(namespaces.filter(isSmall), SMALL_BUILDS_AT_ONCE, (namespace) =>
    buildIndexes(context, namespace, AT_ONCE),
  );
  const builds = new PQueue({ concurrency: BUILDS_AT_ONCE });
  const turn: Turn = (build) => builds.add(build);
  const large = namespaces.filter((namespace) => !isSmall(namespace));
  await sideBySide(large, BUILDS_AT_ONCE, (namespace) => buildIndexes(context, namespace, turn));
}

/**
 * Builds what waits of one collection: in one command, or in as many as go at once where `turn`
 * shares the server out. What the target refuses is recorded as blocked, and reported.
 */
export async function buildIndexes(context: StructureContext, namespace: string, turn?: Turn): Promise<void> {
  const { target, registry, ownership, stats } = context;
  const record = registry.get(namespace);
  if (record?.type !== 'collection' || !record.indexes.some(isPending)) return;
  const existing = await attempt(context, () => target.indexes(namespace));
  const plan = planIndexes(record.indexes, existing, { collated: isCollated(record.options) });
  // Another one of that name, in a collection that we did not make, is not ours to drop.
  const inTheWay = new Map(record.created ? [] : plan.drop.map((name) => [name, IN_THE_WAY] as const));
  for (const name of plan.drop) {
    if (!inTheWay.has(name)) await attempt(context, () => target.dropIndex(namespace, name, ownership.tag));
  }
  const create = plan.create.filter(({ name }) => !inTheWay.has(name));
  const refused = new Map([...inTheWay, ...(await createIndexes(context, namespace, create, turn))]);
  const created = new Set(plan.create.map(({ name }) => name));
  const indexes = plan.records.map((index): IndexRecord => {
    if (!created.has(index.name)) return index;
    const reason = refused.get(index.name);
    return reason === undefined ? { ...index, state: 'built' } : { ...index, state: 'blocked', note: reason };
  });
  await attempt(context, () => registry.save({ ...record, indexes }));
  stats.indexesBuilt += countBuilt(indexes) - countBuilt(record.indexes);
}

/**
 * One command reads the collection once for all its indexes; with a second one a second thread
 * works, for another reading. What the server refuses together, or side by side, is built one by
 * one.
 */
async function createIndexes(
  context: StructureContext,
  namespace: string,
  wanted: readonly TranslatedIndex[],
  turn: Turn | undefined,
): Promise<ReadonlyMap<string, string>> {
  const { target, ownership, signal, logger } = context;
  const build = (some: readonly TranslatedIndex[]): Promise<void> => {
    const specs = some.map(({ heldBack }) => heldBack!);
    return attempt(context, () => target.createIndexes(namespace, specs, ownership.tag, signal), BUILD_RETRY);
  };
  if (wanted.length === 0) return new Map();
  const parts = turn ? dealt(wanted, BUILDS_AT_ONCE) : [wanted];
  const outcomes = await Promise.allSettled(parts.map((part) => (turn ?? AT_ONCE)(() => build(part))));
  const singly: TranslatedIndex[] = [];
  for (const [at, outcome] of outcomes.entries()) {
    if (outcome.status === 'fulfilled') continue;
    if (!isRefusal(outcome.reason)) throw outcome.reason;
    singly.push(...parts[at]!);
  }
  const refused = new Map<string, string>();
  for (const index of singly) {
    try {
      await build([index]);
    } catch (error) {
      if (!isRefusal(error)) throw error;
      refused.set(index.name, refusalText(error));
      logger.warn('the target refused an index', { namespace, index: index.name, err: error });
    }
  }
  return refused;
}

/** Into at most `count` parts of about the same length. */
function dealt<Item>(items: readonly Item[], count: number): Item[][] {
  return Array.from({ length: Math.min(count, items.length) }, (_, part) =>
    items.filter((_item, at) => at % count === part),
  );
}

export function reportOf(record: CollectionRecord): IndexReport[] {
  return record.indexes.map(({ name, state, note }) => ({
    namespace: record.namespace,
    name,
    verdict: verdictOf(state, note),
    note,
  }));
}

function verdictOf(state: IndexRecord['state'], note: string | null): IndexReport['verdict'] {
  if (state === 'built') return note === null ? 'ok' : 'altered';
  if (state === 'set-aside') return 'deferred';
  return state === 'left-out' ? 'skipped' : state;
}

/** Takes over what this run was told of indexes, where an earlier one was told something else. */
export async function settleIndexes(context: StructureContext): Promise<void> {
  const { registry, settings } = context;
  for (const record of registry.all()) {
    const indexes = settledIndexes(record.indexes, settings.indexes);
    if (indexes !== record.indexes) await attempt(context, () => registry.save({ ...record, indexes }));
  }
}

function isPending({ state }: IndexRecord): boolean {
  return state === 'waiting' || state === 'deferred';
}

/** Those that are to stand on the target some time. */
export function countWanted(indexes: readonly IndexRecord[]): number {
  return indexes.filter(({ state }) => state !== 'left-out').length;
}

export function countBuilt(indexes: readonly IndexRecord[]): number {
  return indexes.filter(({ state }) => state === 'built').length;
}
