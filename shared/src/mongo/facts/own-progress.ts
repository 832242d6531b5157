/**
 * Recognizes progress of loads by its content and not by its name: a user may have a database of
 * any name. Our documents have string ids that begin with the load's name and a slash. They also
 * say which load they belong to, and of what kind they are (load/src/progress/keys.ts).
 */
import PQueue from 'p-queue';
import { hasCode } from '../../base/errors.ts';
import { splitNamespace } from '../../base/record.ts';
import { DEFAULT_RETRY, retry } from '../../base/retry.ts';
import { findElement } from '../../bson/raw.ts';
import { readString } from '../../bson/values.ts';
import type { MongoConnection } from '../driver/connection.ts';
import { readAll } from '../driver/read-all.ts';
import { listDatabases } from './catalog.ts';
import type { NamespaceFilter } from './namespace-filter.ts';

/** The collection's name in every database that holds progress. */
export const PROGRESS_COLLECTION = 'progress';

/** How many databases are asked at once. */
const CONCURRENCY = 8;

/**
 * The sorted namespaces that the filter has in and that hold progress of loads. A collection that
 * the user may not read counts as holding none.
 */
export async function listOwnProgress(
  connection: MongoConnection,
  filter: NamespaceFilter,
  signal: AbortSignal,
): Promise<string[]> {
  const list = (): Promise<string[]> => listDatabases(connection, signal);
  const databases = filter.exactDatabases() ?? (await retry(list, DEFAULT_RETRY, { signal }));
  const namespaces = databases
    .map((database) => `${database}.${PROGRESS_COLLECTION}`)
    .filter((namespace) => filter.matches(namespace));
  const queue = new PQueue({ concurrency: CONCURRENCY });
  const asked = await queue.addAll(
    namespaces.map((namespace) => async () => {
      const look = () => progressIn(connection, namespace, signal);
      return { namespace, held: await retry(look, DEFAULT_RETRY, { signal }) };
    }),
  );
  return asked.flatMap(({ namespace, held }) => (held === 'ours' ? [namespace] : [])).sort();
}

/** What a collection holds, judged by its first document and its last. */
export async function progressIn(
  connection: MongoConnection,
  namespace: string,
  signal?: AbortSignal,
): Promise<'nothing' | 'ours' | 'other documents'> {
  const { database, collection } = splitNamespace(namespace);
  const find = { find: collection, limit: 1, singleBatch: true };
  try {
    const ends = await Promise.all(
      [1, -1].map((order) => readAll(connection, database, { ...find, sort: { _id: order } }, { signal })),
    );
    const documents = ends.flat();
    if (documents.length === 0) return 'nothing';
    return documents.every(isOurs) ? 'ours' : 'other documents';
  } catch (error) {
    if (hasCode(error, 'MONGO_UNAUTHORIZED')) return 'nothing';
    throw error;
  }
}

function isOurs(document: Uint8Array): boolean {
  const load = textIn(document, 'load');
  return load !== '' && textIn(document, 'kind') !== '' && textIn(document, '_id').startsWith(`${load}/`);
}

function textIn(document: Uint8Array, name: string): string {
  const element = findElement(document, name);
  return element?.type === 2 ? readString(element) : '';
}
