/**
 * Reads the structure of both sides, and compares it once. Entries of both sides have the target's
 * names.
 */

import { hasCode } from '@waybill/shared/base/errors';
import { DEFAULT_RETRY, retry } from '@waybill/shared/base/retry';
import type { CatalogEntry } from '@waybill/shared/mongo/facts/catalog';
import { NamespaceFilter } from '@waybill/shared/mongo/facts/namespace-filter';
import { type NameMapping, SAME_NAMES } from '../mapping/name-mapping.ts';
import { definitionOnTarget } from '../mapping/view-names.ts';
import { ConnectionReader } from '../reading/connection-reader.ts';
import type { DocumentReader } from '../reading/document-reader.ts';
import type { ShardKey } from '../target/target.ts';
import { Acceptance } from './acceptance.ts';
import { type KnownStructure, NOTHING_KNOWN } from './load-watch.ts';
import type { StructureDifference } from './report.ts';
import type { VerifyDeps } from './settings.ts';
import { compareStructure, type HeldBackField, type StructureOptions } from './structure.ts';

export interface StructureDeps
  extends Pick<VerifyDeps, 'source' | 'target' | 'filter' | 'mapping' | 'load' | 'acceptance' | 'signal'> {
  /** What may still be held back. Default: everything that a load holds back. */
  readonly held?: ReadonlySet<HeldBackField>;
}
/**
 * A collection of the source. `namespace` and the names in its options are the target's; `database`
 * and `name` are where it is read.
 */
export interface SourceEntry extends CatalogEntry {
  readonly source: string;
}

export type Catalogs = readonly [
  source: readonly SourceEntry[],
  target: readonly CatalogEntry[],
  known: KnownStructure & Pick<StructureOptions, 'shardKeys'>,
];

export async function bothCatalogs(deps: StructureDeps): Promise<Catalogs> {
  const { source, target, filter, mapping = SAME_NAMES, load, signal } = deps;
  const list = (reader: DocumentReader, within: NamespaceFilter): Promise<readonly CatalogEntry[]> =>
    retry(() => reader.catalog(within, signal), DEFAULT_RETRY, { signal });
  const [there, known] = await Promise.all([
    list(new ConnectionReader(source), filter),
    load ? load.structure(signal) : NOTHING_KNOWN,
  ]);
  const entries = there.map((entry) => onTarget(entry, mapping));
  const databases = new Set([...there.map(({ database }) => database), ...(filter.exactDatabases() ?? [])]);
  const found = mapping.isIdentity
    ? await list(target.reader, filter)
    : await listMapped(list, deps, databases);
  // The filter leaves out what was progress on the source at the stream's start. On the target it
  // is of loads since then.
  const copies = await withoutProgress(target, found, signal);
  const names = new Set(entries.map(({ namespace }) => namespace));
  const extra = copies.map(({ namespace }) => namespace).filter((name) => !names.has(name));
  const others = load && extra.length > 0 ? await load.others(extra, signal) : NOTHING_KNOWN.others;
  const shardKeys = await shardKeysOf(target, copies, signal);
  return [entries, copies, { ...known, others, shardKeys }];
}

function onTarget(entry: CatalogEntry, mapping: NameMapping): SourceEntry {
  const source = entry.namespace;
  const { options } = definitionOnTarget(entry.options, source, mapping);
  return { ...entry, namespace: mapping.target(source), options, source };
}

/** What stands on the target under a name that the load would give a collection of the source. */
async function listMapped(
  list: (reader: DocumentReader, within: NamespaceFilter) => Promise<readonly CatalogEntry[]>,
  { target, filter, mapping = SAME_NAMES }: StructureDeps,
  databases: ReadonlySet<string>,
): Promise<readonly CatalogEntry[]> {
  const there = [...new Set([...databases].flatMap((database) => mapping.databasesOf(database)))];
  if (there.length === 0) return [];
  const found = await list(target.reader, new NamespaceFilter({ include: there.map((name) => `${name}.*`) }));
  return found.filter(({ namespace }) =>
    mapping.sourcesOf(namespace, databases).some((source) => filter.matches(source)),
  );
}

/** None where the target does not tell them: then an index of such a key counts as any other. */
async function shardKeysOf(
  target: StructureDeps['target'],
  entries: readonly CatalogEntry[],
  signal: AbortSignal,
): Promise<ReadonlyMap<string, ShardKey>> {
  const namespaces = entries.map(({ namespace }) => namespace);
  try {
    return await retry(() => target.shardKeys(namespaces, signal), DEFAULT_RETRY, { signal });
  } catch (error) {
    if (hasCode(error, 'TARGET_UNSUPPORTED')) return new Map();
    throw error;
  }
}

async function withoutProgress(
  target: StructureDeps['target'],
  entries: readonly CatalogEntry[],
  signal: AbortSignal,
): Promise<readonly CatalogEntry[]> {
  const left: CatalogEntry[] = [];
  for (const entry of entries) {
    const store = target.progress(entry.database);
    const look = () => store.contents(signal);
    const isProgress =
      entry.namespace === store.namespace && (await retry(look, DEFAULT_RETRY, { signal })) === 'ours';
    if (!isProgress) left.push(entry);
  }
  return left;
}

export function compareCatalogs(
  deps: StructureDeps,
  [source, target, known]: Catalogs,
): StructureDifference[] {
  const {
    filter,
    mapping = SAME_NAMES,
    held,
    target: { profile },
    acceptance = Acceptance.of([]),
  } = deps;
  const keepsEmpty = profile.abilities.keepsEmptyCollections !== false;
  const named = filter.exactDatabases() ?? [];
  const databases = named.flatMap((database) => mapping.databasesOf(database));
  const found = compareStructure(source, target, { databases, ...known, held, keepsEmpty });
  const sources = new Map(source.map((entry) => [entry.namespace, entry.source]));
  return acceptance.mark(found.map((each) => withSource(each, sources.get(each.namespace))));
}

/** The same, with the source's name where it is another one. */
export function withSource<T extends { readonly namespace: string; readonly source?: string }>(
  found: T,
  source: string | undefined,
): T {
  return source === undefined || source === found.namespace ? found : { ...found, source };
}

/**
 * Compares collections, options and indexes alone, and marks what a load holds back until the
 * cutover.
 */
export async function verifyStructure(deps: StructureDeps): Promise<StructureDifference[]> {
  return compareCatalogs(deps, await bothCatalogs(deps));
}
