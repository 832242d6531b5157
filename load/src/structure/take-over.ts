/**
 * Takes over an empty collection that stood on the target before the load. An index that is unique
 * or expires documents gives way to its held-back form, and the cutover gives it back. If the
 * source has that index too, the cutover gives it the source's form. Any other is recorded as it
 * stood there.
 */

import { WaybillError } from '@waybill/shared/base/errors';
import { string } from '@waybill/shared/bson/build';
import { findElement } from '@waybill/shared/bson/raw';
import type { TargetCollection } from '../target/target.ts';
import { isRefusal } from './blocked.ts';
import { attempt, type StructureContext } from './context.ts';
import { heldBackOf, indexName, indexSignature, isInherent, translateIndex } from './index-spec.ts';
import { isCollated } from './options.ts';
import type { CollectionRecord, IndexRecord } from './registry.ts';

const STOOD_BEFORE = 'stood on the target before the load';

/**
 * Returns the wanted indexes, and before them the acting ones that stand there: their uniqueness
 * tells them apart before another index of their key is made. Record the result before {@link
 * holdBackStanding} touches anything.
 * @throws TARGET_DDL_CONFLICT
 */
export async function withStanding(
  context: StructureContext,
  namespace: string,
  wanted: readonly IndexRecord[],
): Promise<readonly IndexRecord[]> {
  const theirs: IndexRecord[] = [];
  for (const spec of await actingIndexes(context, namespace)) {
    const name = indexName(spec);
    const ours = wanted.find((index) => index.name === name && index.state !== 'left-out');
    if (!ours) theirs.push({ name, spec, state: 'waiting', note: STOOD_BEFORE });
    else if (indexSignature(ours.spec) !== indexSignature(spec)) throw indexConflict(namespace, name);
  }
  const names = new Set(theirs.map(({ name }) => name));
  return [...theirs, ...wanted.filter(({ name }) => !names.has(name))];
}

/** Repeatable. A crash after a drop leaves a waiting index, which is built like others. */
export async function holdBackStanding(
  context: StructureContext,
  record: CollectionRecord,
  existing: TargetCollection,
): Promise<CollectionRecord> {
  const { target, registry, ownership, signal, logger } = context;
  const { namespace } = record;
  if (findElement(existing.options, 'expireAfterSeconds')) {
    await attempt(context, () =>
      target.modify(namespace, [['expireAfterSeconds', string('off')]], ownership.tag),
    );
  }
  const collated = isCollated(record.options);
  const built = new Set<string>();
  for (const spec of await actingIndexes(context, namespace)) {
    const index = record.indexes.find(({ name }) => name === indexName(spec));
    if (index?.state !== 'waiting' && index?.state !== 'left-out') continue;
    const { heldBack } = translateIndex(index.spec, { collated });
    try {
      await attempt(context, () => target.dropIndex(namespace, index.name, ownership.tag));
    } catch (error) {
      // A sharded collection keeps the index of its shard key. An index that only refuses may stay.
      if (!isRefusal(error) || heldBackOf(spec).expiry.kind !== 'none') throw error;
      logger.warn('a unique index that the target needs stays as it is', { namespace, index: index.name });
      continue;
    }
    await attempt(context, () => target.createIndexes(namespace, [heldBack!], ownership.tag, signal));
    built.add(index.name);
    logger.warn('an index that stood on the target before the load is held back until the cutover', {
      namespace,
      index: index.name,
    });
  }
  if (built.size === 0) return record;
  const indexes = record.indexes.map(
    (index): IndexRecord => (built.has(index.name) ? { ...index, state: 'built' } : index),
  );
  const after = { ...record, indexes };
  await attempt(context, () => registry.save(after));
  return after;
}

/** Indexes that refuse or delete documents. */
async function actingIndexes(context: StructureContext, namespace: string): Promise<readonly Buffer[]> {
  const standing = await attempt(context, () => context.target.indexes(namespace));
  return standing.filter((spec) => {
    const { unique, prepareUnique, expiry } = heldBackOf(spec);
    return !isInherent(spec) && (unique || prepareUnique || expiry.kind !== 'none');
  });
}

function indexConflict(namespace: string, index: string): WaybillError {
  return new WaybillError(
    'TARGET_DDL_CONFLICT',
    `${namespace} stood on the target before this load, with an index ${index} that is unique or expires documents and has another key than the source's`,
    {
      hint: `Give that index another name there, or load into another deployment. A new load (--load) can leave the collection out with --exclude ${namespace}.`,
      context: { namespace, index },
    },
  );
}
