import { createHash } from 'node:crypto';
import { BSON, type Document } from 'mongodb-4-0';
import { type TestClient, testClient } from './raw.ts';

export interface CompareOptions {
  /** Default: every database but the system's and `waybill`. */
  readonly databases?: readonly string[];
  /** Compares options and indexes of collections, and views, too. Default true. */
  readonly structure?: boolean;
}

const NOT_COMPARED = new Set(['admin', 'local', 'config', 'waybill']);

/**
 * What differs between two deployments, one line each; empty when nothing does. Documents are
 * compared byte for byte, those of capped collections in their order too. It shares no code with
 * `waybill verify`.
 */
export async function compareDeployments(
  sourceUri: string,
  targetUri: string,
  { databases, structure = true }: CompareOptions = {},
): Promise<string[]> {
  await using source = await testClient(sourceUri);
  await using target = await testClient(targetUri);
  const differences: string[] = [];
  const names = databases ?? union(await databaseNames(source), await databaseNames(target));
  for (const database of names) {
    const ours = await catalog(source, database);
    const theirs = await catalog(target, database);
    for (const name of union([...ours.keys()], [...theirs.keys()])) {
      const namespace = `${database}.${name}`;
      const here = ours.get(name);
      const there = theirs.get(name);
      if (!here || !there) {
        differences.push(`${namespace}: ${here ? 'missing on the target' : 'only on the target'}`);
        continue;
      }
      if (structure && here.structure !== there.structure) {
        differences.push(`${namespace}: structure ${here.structure} became ${there.structure}`);
      }
      if (here.isView) continue;
      const sides = [
        { client: source, namespace },
        { client: target, namespace },
      ] as const;
      differences.push(...(await compareDocuments(sides, here.isCapped)));
    }
  }
  return differences;
}

/**
 * The same for collections under other names: what each one of the source is called on the target.
 * Of a view the documents are compared, and not its definition. Databases of the target hold
 * nothing else.
 */
export async function compareNamed(
  sourceUri: string,
  targetUri: string,
  names: Readonly<Record<string, string>>,
): Promise<string[]> {
  await using source = await testClient(sourceUri);
  await using target = await testClient(targetUri);
  const ours = await catalogsOf(source, Object.keys(names));
  const theirs = await catalogsOf(target, Object.values(names));
  const found = new Set(Object.values(names));
  const differences = [...theirs.keys()].filter((name) => !found.has(name)).map((name) => `${name}: extra`);
  for (const [from, to] of Object.entries(names)) {
    const [here, there] = [ours.get(from), theirs.get(to)];
    if (!here || !there) {
      differences.push(`${to}: missing on the ${here ? 'target' : 'source'}`);
      continue;
    }
    if (!here.isView && here.structure !== there.structure)
      differences.push(`${to}: structure ${here.structure} became ${there.structure}`);
    const sides = [
      { client: source, namespace: from },
      { client: target, namespace: to },
    ] as const;
    differences.push(...(await compareDocuments(sides, here.isCapped)));
  }
  return differences;
}

/** By namespace: all collections in the databases of these. */
async function catalogsOf(
  client: TestClient,
  namespaces: readonly string[],
): Promise<Map<string, CatalogEntry>> {
  const databases = new Set(namespaces.map((namespace) => splitNamespace(namespace)[0]));
  const found = new Map<string, CatalogEntry>();
  for (const database of databases) {
    for (const [name, entry] of await catalog(client, database)) found.set(`${database}.${name}`, entry);
  }
  return found;
}

const splitNamespace = (namespace: string): readonly [database: string, collection: string] => {
  const dot = namespace.indexOf('.');
  return [namespace.slice(0, dot), namespace.slice(dot + 1)];
};

interface Side {
  readonly client: TestClient;
  readonly namespace: string;
}

const MAX_LINES = 20;

async function compareDocuments(
  [source, target]: readonly [Side, Side],
  inOrder: boolean,
): Promise<string[]> {
  const ours = await fingerprints(source, inOrder);
  const theirs = await fingerprints(target, inOrder);
  const { namespace } = target;
  const lines: string[] = [];
  for (const [id, hash] of ours) {
    const other = theirs.get(id);
    if (other === undefined) lines.push(`${namespace}: _id ${id} missing on the target`);
    else if (other !== hash) lines.push(`${namespace}: _id ${id} differs`);
  }
  for (const id of theirs.keys()) {
    if (!ours.has(id)) lines.push(`${namespace}: _id ${id} only on the target`);
  }
  if (inOrder && lines.length === 0 && [...ours.keys()].join() !== [...theirs.keys()].join()) {
    lines.push(`${namespace}: the documents stand in another order`);
  }
  const more = lines.length - MAX_LINES;
  return more > 0 ? [...lines.slice(0, MAX_LINES), `${namespace}: and ${more} more`] : lines;
}

/** `_id` bytes (type and payload, hex) → hash of the document's bytes, in the order read. */
async function fingerprints({ client, namespace }: Side, natural: boolean): Promise<Map<string, string>> {
  const found = new Map<string, string>();
  const [database, collection] = splitNamespace(namespace);
  for await (const document of client.read(database, collection, { natural })) {
    const hash = createHash('sha256').update(document).digest('base64');
    found.set(idBytes(document), hash);
  }
  return found;
}

function idBytes(document: Buffer): string {
  for (const [type, nameAt, nameLength, at, length] of BSON.onDemand.parseToElements(document)) {
    if (document.toString('latin1', nameAt, nameAt + nameLength) !== '_id') continue;
    const value = document.subarray(at, at + length);
    const text = length <= 100 ? value.toString('hex') : createHash('sha256').update(value).digest('hex');
    return `${type.toString(16)}:${text}`;
  }
  return 'none';
}

interface CatalogEntry {
  readonly isView: boolean;
  readonly isCapped: boolean;
  /** Options and indexes as one comparable text. */
  readonly structure: string;
}

async function catalog(client: TestClient, database: string): Promise<Map<string, CatalogEntry>> {
  const entries = new Map<string, CatalogEntry>();
  for (const info of await client.client.db(database).listCollections().toArray()) {
    if (info.name.startsWith('system.')) continue;
    const options = (info as { options?: Document }).options ?? {};
    const isView = info.type === 'view';
    const indexes = isView ? [] : await client.client.db(database).collection(info.name).indexes();
    const lines = indexes.map(({ ns: _ns, ...index }) => {
      // Servers order an index's options by rules of their version; the order inside `key` counts.
      const sorted = Object.fromEntries(Object.entries(index).sort(([a], [b]) => (a < b ? -1 : 1)));
      return BSON.EJSON.stringify(sorted, { relaxed: false });
    });
    entries.set(info.name, {
      isView,
      isCapped: options.capped === true,
      structure: [BSON.EJSON.stringify(options, { relaxed: false }), ...lines.sort()].join(' '),
    });
  }
  return entries;
}

async function databaseNames(client: TestClient): Promise<string[]> {
  const { databases } = await client.client.db('admin').admin().listDatabases({ nameOnly: true });
  return databases.map(({ name }) => name).filter((name) => !NOT_COMPARED.has(name));
}

function union(a: readonly string[], b: readonly string[]): string[] {
  return [...new Set([...a, ...b])].sort();
}
