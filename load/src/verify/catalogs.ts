/** The structure of both sides: read, and compared once. */

import { DEFAULT_RETRY, retry } from '@waybill/shared/base/retry';
import type { MongoConnection } from '@waybill/shared/mongo/driver/connection';
import { type CatalogEntry, listCatalog } from '@waybill/shared/mongo/facts/catalog';
import { PROGRESS_COLLECTION, progressIn } from '@waybill/shared/mongo/facts/own-progress';
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
  const list = (of: MongoConnection): Promise<CatalogEntry[]> =>
    retry(() => listCatalog(of, filter, signal), DEFAULT_RETRY, { signal });
  // The source's is left out by the filter, as of the stream's start; the target's is of loads
  // since.
  const listTarget = async (): Promise<CatalogEntry[]> => withoutProgress(target, await list(target), signal);
  return Promise.all([list(source), listTarget(), load ? load.structure(signal) : NOTHING_KNOWN]);
}

async function withoutProgress(
  target: MongoConnection,
  entries: readonly CatalogEntry[],
  signal: AbortSignal,
): Promise<CatalogEntry[]> {
  const left: CatalogEntry[] = [];
  for (const entry of entries) {
    const look = () => progressIn(target, entry.namespace, signal);
    const isProgress =
      entry.name === PROGRESS_COLLECTION && (await retry(look, DEFAULT_RETRY, { signal })) === 'ours';
    if (!isProgress) left.push(entry);
  }
  return left;
}

export function compareCatalogs(
  { filter, held, acceptance = Acceptance.none }: StructureDeps,
  [source, target, known]: Catalogs,
): StructureDifference[] {
  const databases = filter.exactDatabases() ?? [];
  return acceptance.mark(compareStructure(source, target, { databases, ...known, held }));
}

/**
 * Collections, options and indexes alone. What a load holds back until the cutover is marked so.
 */
export async function verifyStructure(deps: StructureDeps): Promise<StructureDifference[]> {
  return compareCatalogs(deps, await bothCatalogs(deps));
}
