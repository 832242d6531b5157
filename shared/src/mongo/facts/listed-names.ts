/**
 * Every name that a deployment has: for telling patterns that name nothing, and what is left out.
 * Names alone, so it locks nothing.
 */
import PQueue from 'p-queue';
import { hasCode } from '../../base/errors.ts';
import { retry } from '../../base/retry.ts';
import type { MongoConnection } from '../driver/connection.ts';
import { listDatabases } from './catalog.ts';
import { listCollections } from './collections.ts';

/** Databases asked at once. */
const CONCURRENCY = 8;

/**
 * Namespaces of all databases for which `asks` holds, sorted: collections, views and the server's
 * own. What the user may not see is not among them.
 */
export async function listNames(
  connection: MongoConnection,
  asks: (database: string) => boolean,
  signal: AbortSignal,
): Promise<string[]> {
  const databases = await permitted(() =>
    retry(() => listDatabases(connection, signal), undefined, { signal }),
  );
  const queue = new PQueue({ concurrency: CONCURRENCY });
  const found = await queue.addAll(
    databases.filter(asks).map((database) => async () => {
      const list = () => listCollections(connection, database, { namesOnly: true, signal });
      const collections = await permitted(() => retry(list, undefined, { signal }));
      return collections.map(({ name }) => `${database}.${name}`);
    }),
  );
  return found.flat().sort();
}

async function permitted<T>(list: () => Promise<T[]>): Promise<T[]> {
  try {
    return await list();
  } catch (error) {
    if (hasCode(error, 'MONGO_UNAUTHORIZED')) return [];
    throw error;
  }
}
