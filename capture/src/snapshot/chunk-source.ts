/** The documents of a chunk that are still to be read. */

import type { Logger } from '@waybill/shared/base/logger';
import type { ClusterTime } from '@waybill/shared/base/position';
import type { ChunkProgress } from '@waybill/shared/manifest/commit';
import type { MongoConnection } from '@waybill/shared/mongo/driver/connection';
import { type RangeReader, readRange } from '@waybill/shared/mongo/read/range-reader';
import { isTimeSeries } from '../catalog/definition.ts';
import { NaturalReader } from './natural-reader.ts';
import type { PendingChunk } from './plan.ts';

export interface ChunkSourceOptions {
  readonly connection: MongoConnection;
  readonly readPreference: 'primary' | 'secondaryPreferred';
  readonly t0: ClusterTime;
  readonly logger: Logger;
  /** Stop reading. */
  readonly stop: AbortSignal;
}

/** Two batches are held by each reader. */
const BATCH_BYTES = 4 << 20;

export function readChunk(
  { definition, plan }: PendingChunk,
  progress: ChunkProgress,
  { connection, readPreference, t0, logger, stop }: ChunkSourceOptions,
): RangeReader | NaturalReader {
  const { namespace, chunk } = plan;
  const common = {
    uuid: bytesOfHex(definition.uuid),
    // Changes are captured from T0 on, so what is read must hold everything before it. T0 itself
    // may still be to come.
    notBefore: t0 - 1n,
    readPreference,
    // A batch is copied into its segment before the next one is asked for.
    bulk: true,
    batchBytes: BATCH_BYTES,
    signal: stop,
    onRetry: (error: unknown, attempt: number, delayMs: number) =>
      logger.warn('reading a chunk failed; trying again', {
        err: error,
        namespace,
        chunk,
        attempt,
        delayMs,
      }),
  };
  if (plan.natural) {
    return new NaturalReader(connection, namespace, {
      ...common,
      positions: progress.positions?.map((position) => Buffer.from(position, 'base64')),
      onStartOver: () =>
        logger.warn('the source accepts no earlier position in natural order; the collection is read again', {
          namespace,
        }),
    });
  }
  return readRange(connection, namespace, {
    ...common,
    lower: bytesOf(plan.lower),
    upper: bytesOf(plan.upper),
    after: bytesOf(progress.lastId),
    // Capped: the order is data. Time-series: there is no _id index.
    natural: definition.capped || isTimeSeries(definition),
  });
}

export function bytesOf(base64: string | null): Buffer | null {
  return base64 === null ? null : Buffer.from(base64, 'base64');
}

export function bytesOfHex(hex: string | null): Buffer | null {
  return hex === null ? null : Buffer.from(hex, 'hex');
}
