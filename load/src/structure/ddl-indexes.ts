/** Repeats changes of indexes. */
import { elements, findElement } from '@waybill/shared/bson/raw';
import type { StructureEvent } from '../mapping/entering.ts';
import { settledIndexes, waitingIndexes } from './collections.ts';
import { attempt, type StructureContext } from './context.ts';
import { unknownOperation } from './ddl-errors.ts';
import { description, recordFor } from './ddl-record.ts';
import { indexName, isInherent, standsAmong } from './index-spec.ts';
import { buildIndexes, countBuilt, countWanted } from './indexes.ts';
import type { CollectionRecord, IndexRecord } from './registry.ts';

export async function applyCreateIndexes(context: StructureContext, event: StructureEvent): Promise<void> {
  const record = await recordFor(context, event);
  const added = settledIndexes(waitingIndexes(indexSpecs(event)), context.settings.indexes);
  const replaced = new Set(added.map(({ name }) => name));
  const kept = record.indexes.filter(({ name }) => !replaced.has(name));
  await saveIndexes(context, record, [...kept, ...added]);
}

export async function applyDropIndexes(context: StructureContext, event: StructureEvent): Promise<void> {
  const { target, ownership } = context;
  const record = await recordFor(context, event);
  const names = indexSpecs(event)
    .filter((spec) => !isInherent(spec))
    .map(indexName);
  const standing = await attempt(context, () => target.indexes(event.namespace));
  for (const name of names) {
    // Only what we built: a deferred or left-out index does not stand there, and another one may
    // have its name by now.
    if (isBuiltByUs(record, name, standing)) {
      await attempt(context, () => target.dropIndex(event.namespace, name, ownership.tag));
    }
  }
  // An index that was deferred because of a dropped one can be built now.
  await saveIndexes(
    context,
    record,
    record.indexes.filter(({ name }) => !names.includes(name)),
  );
}

function isBuiltByUs(record: CollectionRecord, name: string, standing: readonly Buffer[]): boolean {
  const index = record.indexes.find((one) => one.name === name);
  if (index === undefined || index.state === 'deferred' || index.state === 'left-out') return false;
  return standsAmong(standing, index);
}

async function saveIndexes(
  context: StructureContext,
  record: CollectionRecord,
  indexes: readonly IndexRecord[],
): Promise<void> {
  const { registry, settings, stats } = context;
  stats.indexesTotal += countWanted(indexes) - countWanted(record.indexes);
  // Several shards tell of the same index. An index that is told again waits again.
  stats.indexesBuilt += countBuilt(indexes) - countBuilt(record.indexes);
  await attempt(context, () => registry.save({ ...record, indexes }));
  if (settings.indexes === 'after-snapshot') await buildIndexes(context, record.namespace);
}

function indexSpecs(event: StructureEvent): Buffer[] {
  const indexes = description(event);
  const list = indexes && findElement(indexes, 'indexes');
  if (!list) throw unknownOperation(`${event.operation} without its indexes`, event);
  return [...elements(list.bytes)].map(({ bytes }) => bytes);
}
