/**
 * Lists every name in a deployment, to find patterns that name nothing and to say what is left out.
 * It asks for names alone, so it locks nothing.
 */
import PQueue from 'p-queue';
import { hasCode } from '../../base/errors.ts';
import { retry } from '../../base/retry.ts';
import type { MongoConnection } from '../driver/connection.ts';
import { listDatabases } from './catalog.ts';
import { listCollections } from './collections.ts';

/** How many databases are asked at once. */
const CONCURRENCY = 8;

/**
 * The sorted namespaces of all databases for which `asks` holds: collections, views and the
 * server's own. Those that the user may not see are missing.
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
