import { splitNamespace } from '@waybill/shared/base/record';
import { findElement } from '@waybill/shared/bson/raw';
import { readNumber } from '@waybill/shared/bson/values';
import { hasServerCode } from '@waybill/shared/mongo/driver/classify';
import type { MongoConnection } from '@waybill/shared/mongo/driver/connection';
import { readAll } from '@waybill/shared/mongo/driver/read-all';
import type { BuildProgress } from '../target.ts';

/**
 * How far the index builds of a collection are, those of all shards together. Null where none shows
 * itself, or the user may not look.
 */
export async function buildProgress(
  connection: MongoConnection,
  namespace: string,
): Promise<BuildProgress | null> {
  const { database, collection } = splitNamespace(namespace);
  const pipeline = [
    { $currentOp: { allUsers: true, idleSessions: false } },
    {
      $match: {
        'command.createIndexes': collection,
        'command.$db': database,
        'progress.total': { $gt: 0 },
      },
    },
    { $project: { _id: 0, progress: 1 } },
  ];
  try {
    const builds = await readAll(connection, 'admin', { aggregate: 1, pipeline });
    return builds.length === 0 ? null : builds.map(progressOf).reduce(together);
  } catch (error) {
    if (hasServerCode(error, 'Unauthorized')) return null;
    throw error;
  }
}

function progressOf(build: Buffer): BuildProgress {
  const progress = findElement(build, 'progress')!;
  const [done, total] = ['done', 'total'].map((name) => readNumber(findElement(progress.bytes, name)));
  return { done: done ?? 0, total: total ?? 0 };
}

function together(one: BuildProgress, other: BuildProgress): BuildProgress {
  return { done: one.done + other.done, total: one.total + other.total };
}
