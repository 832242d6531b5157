/** Reads the structure of both sides, and compares it once. */

import { DEFAULT_RETRY, retry } from '@waybill/shared/base/retry';
import type { CatalogEntry } from '@waybill/shared/mongo/facts/catalog';
import { ConnectionReader } from '../reading/connection-reader.ts';
import type { DocumentReader } from '../reading/document-reader.ts';
import { Acceptance } from './acceptance.ts';
import { type KnownStructure, NOTHING_KNOWN } from './load-watch.ts';
import type { StructureDifference } from './report.ts';
import type { VerifyDeps } from './settings.ts';
import { compareStructure, type HeldBackField } from './structure.ts';

export interface StructureDeps
  extends Pick<VerifyDeps, 'source' | 'target' | 'filter' | 'load' | 'acceptance' | 'signal'> {
  /** What may still be held back. Default: everything that a load holds back. */
  readonly held?: ReadonlySet<HeldBackField>;
}
export type Catalogs = readonly [
  source: readonly CatalogEntry[],
  target: readonly CatalogEntry[],
  known: KnownStructure,
];

export function bothCatalogs({ source, target, filter, load, signal }: StructureDeps): Promise<Catalogs> {
  const list = (reader: DocumentReader): Promise<readonly CatalogEntry[]> =>
    retry(() => reader.catalog(filter, signal), DEFAULT_RETRY, { signal });
  // The filter leaves out what was progress on the source at the stream's start. On the target it
  // is of loads since then.
  const listTarget = async (): Promise<readonly CatalogEntry[]> =>
    withoutProgress(target, await list(target.reader), signal);
  const known = load ? load.structure(signal) : NOTHING_KNOWN;
  return Promise.all([list(new ConnectionReader(source)), listTarget(), known]);
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
  { filter, held, target: { profile }, acceptance = Acceptance.of([]) }: StructureDeps,
  [source, target, known]: Catalogs,
): StructureDifference[] {
  const databases = filter.exactDatabases() ?? [];
  const keepsEmpty = profile.abilities.keepsEmptyCollections !== false;
  return acceptance.mark(compareStructure(source, target, { databases, ...known, held, keepsEmpty }));
}

/**
 * Compares collections, options and indexes alone, and marks what a load holds back until the
 * cutover.
 */
export async function verifyStructure(deps: StructureDeps): Promise<StructureDifference[]> {
  return compareCatalogs(deps, await bothCatalogs(deps));
}
