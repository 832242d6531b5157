/** Makes sure that a collection or view of the source stands on the target as ours. */

import { WaybillError } from '@waybill/shared/base/errors';
import { assertCollectionNames } from '../checks/check-collection.ts';
import type { EnteredDefinition } from '../mapping/entering.ts';
import { bothNames, type NamePair } from '../mapping/name-mapping.ts';
import { assertNotProgress } from '../progress/apart.ts';
import type { LoadSettings } from '../settings/load-settings.ts';
import type { TargetCollection } from '../target/target.ts';
import { createAsFarAsTaken, leaveOut, modifyAsFarAsTaken, saveBlocked } from './apply-options.ts';
import { stillBlocked } from './blocked.ts';
import { attempt, type StructureContext } from './context.ts';
import { assertEmpty, assertNotHeld, assertOwnName } from './held.ts';
import { indexName, isInherent } from './index-spec.ts';
import {
  createOptions,
  hasForeignValidator,
  identityDifferences,
  missingOptions,
  NO_OPTIONS,
} from './options.ts';
import type { CollectionRecord, IndexRecord } from './registry.ts';
import { holdBackStanding, withStanding } from './take-over.ts';

export interface WantedCollection extends NamePair {
  readonly type: 'collection' | 'view';
  readonly uuid: string | null;
  readonly options: Buffer;
  readonly indexes: readonly Buffer[];
  /** Why the mapping of names leaves a view without a place on the target. */
  readonly impossible: string | null;
}

export function wantedOf(definition: EnteredDefinition): WantedCollection {
  return {
    namespace: definition.namespace,
    source: definition.source,
    type: definition.type,
    uuid: definition.uuid,
    options: Buffer.from(definition.options, 'base64'),
    indexes: definition.indexes.map((index) => Buffer.from(index, 'base64')),
    impossible: definition.impossible,
  };
}

/** A collection of which the stream told nothing but its documents. */
export function plainCollection({ namespace, source }: NamePair, uuid: string | null): WantedCollection {
  return { namespace, source, type: 'collection', uuid, options: NO_OPTIONS, indexes: [], impossible: null };
}

export function waitingIndexes(specs: readonly Buffer[]): IndexRecord[] {
  return specs
    .filter((spec) => !isInherent(spec))
    .map((spec) => ({ name: indexName(spec), spec, state: 'waiting', note: null }));
}

const LEFT_OUT = { state: 'left-out', note: 'the load was given --indexes none' } as const;

/**
 * Lets indexes that are not built yet wait, or leaves them out, as the settings of this run say.
 * Returns the same array if nothing changes.
 */
export function settledIndexes(
  indexes: readonly IndexRecord[],
  wanted: LoadSettings['indexes'],
): readonly IndexRecord[] {
  const settled = indexes.map((index): IndexRecord => {
    const { state } = index;
    if (wanted !== 'none') return state === 'left-out' ? { ...index, state: 'waiting', note: null } : index;
    return state === 'built' || state === 'skipped' || state === 'left-out'
      ? index
      : { ...index, ...LEFT_OUT };
  });
  return settled.every((index, at) => index === indexes[at]) ? indexes : settled;
}

/**
 * Creates the collection or view, or takes over one that is ours or empty. Does not build indexes.
 * Repeatable: a crash before the create leaves a record without a collection, and the next call
 * makes it.
 * @throws TARGET_NOT_EMPTY, TARGET_PROGRESS_COLLISION, TARGET_DDL_CONFLICT, TARGET_UNSUPPORTED,
 *   LOAD_NAME_COLLISION
 */
export async function ensureCollection(
  context: StructureContext,
  wanted: WantedCollection,
): Promise<CollectionRecord> {
  const { target, registry } = context;
  const { namespace, source, type, uuid, options } = wanted;
  assertNotProgress(wanted, target.progress);
  assertOwnName(context, wanted);
  assertCollectionNames(target.profile, [wanted]);
  const fields = createOptions(namespace, options);
  const existing = await attempt(context, () => target.collection(namespace));
  let record = registry.get(namespace);
  if (existing) await assertUsable(context, existing, wanted, record);
  if (!record) {
    const indexes = settledIndexes(waitingIndexes(wanted.indexes), context.settings.indexes);
    const takesOver = existing !== null && type === 'collection';
    record = {
      namespace,
      source,
      type,
      uuid,
      targetUuid: null,
      created: existing === null,
      options,
      foreignValidator: existing !== null && hasForeignValidator(existing.options, options),
      blocked: [],
      indexes: takesOver ? await withStanding(context, namespace, indexes) : indexes,
    };
    if (record.foreignValidator) {
      context.logger.warn('a collection on the target has a validator of its own, which is respected', {
        namespace,
      });
    }
    await attempt(context, () => registry.save(record as CollectionRecord));
  }
  if (!existing && wanted.impossible !== null) return leaveOut(context, record, [null], wanted.impossible);
  // Another attempt of ours may have created it meanwhile. The target then says that it exists, and
  // all is well.
  if (!existing) return createAsFarAsTaken(context, record, fields);
  record = await saveBlocked(context, record, stillBlocked(record, existing.options));
  if (record.created || type === 'view') return record;
  record = await holdBackStanding(context, record, existing);
  if (record.foreignValidator) return record;
  const missing = missingOptions(existing.options, options);
  return missing.length > 0 ? modifyAsFarAsTaken(context, record, missing) : record;
}

async function assertUsable(
  context: StructureContext,
  existing: TargetCollection,
  wanted: WantedCollection,
  record: CollectionRecord | undefined,
): Promise<void> {
  const { namespace, source } = wanted;
  const isView = existing.type === 'view';
  const differences = identityDifferences(existing.options, wanted.options).filter(
    (name) => !record?.blocked.some((part) => part.option === null || part.option === name),
  );
  if (isView !== (wanted.type === 'view') || differences.length > 0) {
    const what = differences.length > 0 ? differences.join(', ') : 'the kind (view or collection)';
    throw new WaybillError(
      'TARGET_DDL_CONFLICT',
      `${bothNames(namespace, source)} stands on the target already, and differs from the source's in ${what}`,
      {
        hint: `Load into another deployment, or leave it out in a new load: --load with another name and --exclude ${source}. Who made it there knows whether it is needed.`,
        context: { namespace },
      },
    );
  }
  if (record || isView) return;
  await assertEmpty(context, wanted);
  await assertNotHeld(context, existing);
}
