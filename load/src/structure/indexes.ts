/** Builds indexes on the target in their held-back form. An index that stands there stays. */
import PQueue from 'p-queue';
import { sideBySide } from '../base/side-by-side.ts';
import { settledIndexes } from './collections.ts';
import { attempt, type StructureContext } from './context.ts';
import { AT_ONCE, BUILDS_AT_ONCE, createIndexes, type Turn } from './index-builds.ts';
import { planIndexes } from './index-plan.ts';
import { NEVER_UNIQUE, neverUnique } from './never-unique.ts';
import { isCollatedThere, refusedByKind } from './refused-by-kind.ts';
import type { CollectionRecord, IndexRecord } from './registry.ts';

export interface IndexReport {
  readonly namespace: string;
  readonly name: string;
  readonly verdict: 'ok' | 'altered' | 'skipped' | 'blocked' | 'deferred' | 'waiting';
  readonly note: string | null;
}

/** Builds of small collections at once: such a build mostly waits for a majority. */
const SMALL_BUILDS_AT_ONCE = 8;
const SMALL_BYTES = 1 << 20;

export const IN_THE_WAY = 'another index of that name stood on the target before the load';

/** Builds the waiting indexes of all these collections. */
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
 * Builds the waiting indexes of one collection: in one command, or in as many as go at once where
 * `turn` shares the server out. An index that the target refuses is recorded as blocked, and
 * reported. One whose build was aborted goes on waiting, for the next start or the cutover.
 */
export async function buildIndexes(context: StructureContext, namespace: string, turn?: Turn): Promise<void> {
  const { target, registry, ownership, stats } = context;
  const record = registry.get(namespace);
  if (record?.type !== 'collection' || !record.indexes.some(isPending)) return;
  const existing = await attempt(context, () => target.indexes(namespace));
  const plan = planIndexes(record.indexes, existing, {
    collated: isCollatedThere(record, target.profile),
  });
  // In a collection that we did not make, another index of that name is not ours to drop.
  const inTheWay = new Map<string, string>(record.created ? [] : plan.drop.map((name) => [name, IN_THE_WAY]));
  for (const name of await neverUnique(context, record)) inTheWay.set(name, NEVER_UNIQUE);
  const there = existing.length - plan.drop.length;
  for (const [name, why] of refusedByKind(target.profile, plan.create, there)) inTheWay.set(name, why);
  for (const name of plan.drop) {
    if (!inTheWay.has(name)) await attempt(context, () => target.dropIndex(namespace, name, ownership.tag));
  }
  const create = plan.create.filter(({ name }) => !inTheWay.has(name));
  const { refused, aborted } = await createIndexes(context, namespace, create, turn);
  const created = new Set(plan.create.map(({ name }) => name));
  const indexes = plan.records.map((index): IndexRecord => {
    if (!created.has(index.name) || aborted.has(index.name)) return index;
    const reason = inTheWay.get(index.name) ?? refused.get(index.name);
    return reason === undefined ? { ...index, state: 'built' } : { ...index, state: 'blocked', note: reason };
  });
  await attempt(context, () => registry.save({ ...record, indexes }));
  stats.indexesBuilt += countBuilt(indexes) - countBuilt(record.indexes);
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

/** Applies this run's --indexes where an earlier run was told something else. */
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

/** Indexes that are to stand on the target some time. */
export function countWanted(indexes: readonly IndexRecord[]): number {
  return indexes.filter(({ state }) => state !== 'left-out').length;
}

export function countBuilt(indexes: readonly IndexRecord[]): number {
  return indexes.filter(({ state }) => state === 'built').length;
}
