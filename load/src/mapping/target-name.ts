/** What a collection on the target can be called, as every kind of target has it. */
import { splitNamespace } from '@waybill/shared/base/record';
import { isSystemCollection } from '@waybill/shared/mongo/facts/namespace-filter';

const SERVERS_OWN: ReadonlySet<string> = new Set(['admin', 'local', 'config']);
const LONGEST_DATABASE = 63;
/** From 4.4 on; older servers say themselves that they take less. */
const LONGEST_NAMESPACE = 255;

/** Why no collection can have that name; null where one can. */
export function nameProblem(namespace: string): string | null {
  const { database, collection } = splitNamespace(namespace);
  if (database === '' || collection === '') return 'a name is empty';
  if (/[\s"$/\\\0]/.test(database)) return `a database cannot be called ${JSON.stringify(database)}`;
  if (SERVERS_OWN.has(database)) return `the database ${database} is the server's own`;
  if (Buffer.byteLength(database) > LONGEST_DATABASE)
    return `the name of a database has at most ${LONGEST_DATABASE} bytes`;
  if (/[$\0]/.test(collection) || collection.startsWith('.'))
    return `a collection cannot be called ${JSON.stringify(collection)}`;
  if (isSystemCollection(collection)) return `${collection} is a name of the server's own`;
  if (Buffer.byteLength(namespace) > LONGEST_NAMESPACE)
    return `a database and a collection have at most ${LONGEST_NAMESPACE} bytes together`;
  return null;
}
