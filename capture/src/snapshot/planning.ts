/** Cuts collections into chunks, and commits the plan before anything of it is read. */

import type { Logger } from '@waybill/shared/base/logger';
import { splitNamespace } from '@waybill/shared/base/record';
import { DEFAULT_RETRY, retry } from '@waybill/shared/base/retry';
import type { CollectionDefinition } from '@waybill/shared/manifest/commit';
import type { MongoConnection } from '@waybill/shared/mongo/driver/connection';
import { type PlannedCollection, planRanges } from '@waybill/shared/mongo/read/range-plan';
import type { Committer } from '../commit/committer.ts';
import { isScattered } from './id-locality.ts';
import { givesPositions } from './natural-reader.ts';
import { chunkPlans, type PendingChunk, wholePlan } from './plan.ts';

export interface PlanningOptions {
  readonly connection: MongoConnection;
  readonly committer: Committer;
  readonly chunkSize: number;
  readonly logger: Logger;
  readonly stop: AbortSignal;
}

export async function planLarge(
  definition: CollectionDefinition,
  options: PlanningOptions,
): Promise<PendingChunk[]> {
  const { connection, committer, chunkSize, stop, logger } = options;
  const { database, collection: name } = splitNamespace(definition.namespace);
  const planned = {
    database,
    name,
    type: 'collection',
    uuid: definition.uuid === null ? null : Buffer.from(definition.uuid, 'hex'),
    capped: definition.capped,
    documents: definition.documents,
    bytes: definition.bytes,
  } as const;
  const plans = await retry(
    async () => {
      const { ranges, sampled } = await planRanges(connection, planned, {
        rangeBytes: chunkSize,
        signal: stop,
      });
      if (!(await isBetterNatural(connection, planned, sampled, stop))) {
        return chunkPlans(definition.namespace, ranges);
      }
      logger.info('reading a collection in natural order, since its _ids are scattered', {
        namespace: definition.namespace,
      });
      return [wholePlan(definition.namespace, true)];
    },
    DEFAULT_RETRY,
    { signal: stop },
  );
  // All chunks of a collection go into one commit: a plan that a crash has cut would look whole.
  await committer.commit({ plan: plans });
  return plans.map((plan) => ({ definition, plan, progress: null, part: 0 }));
}

/**
 * Reading by `_id`, the server would jump about in the collection's file; and it can tell a
 * position in natural order.
 */
async function isBetterNatural(
  connection: MongoConnection,
  planned: PlannedCollection,
  sampled: readonly Buffer[],
  signal: AbortSignal,
): Promise<boolean> {
  if (!(await isScattered(connection, planned, sampled, signal))) return false;
  return givesPositions(connection, planned, signal);
}

export async function planWhole(
  definitions: readonly CollectionDefinition[],
  committer: Committer,
): Promise<PendingChunk[]> {
  const chunks = definitions.map((definition) => ({
    definition,
    plan: wholePlan(definition.namespace),
    progress: null,
    part: 0,
  }));
  await committer.commit({ plan: chunks.map(({ plan }) => plan) });
  return chunks;
}
