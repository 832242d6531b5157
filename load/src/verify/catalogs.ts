/** The structure of both sides: read, and compared once. */
import { type CatalogEntry, listCatalog } from '@waybill/shared/mongo/catalog';
import type { MongoConnection } from '@waybill/shared/mongo/connection';
import { DEFAULT_RETRY, retry } from '@waybill/shared/retry';
import type { IndexStates } from './load-watch.ts';
import type { StructureDifference } from './report.ts';
import type { VerifyDeps } from './settings.ts';
import { compareStructure, type HeldBackField } from './structure.ts';

const UNKNOWN: IndexStates = new Map();

export interface StructureDeps extends Pick<VerifyDeps, 'source' | 'target' | 'filter' | 'load' | 'signal'> {
  /** What may still be held back. Default: everything that a load holds back. */
  readonly held?: ReadonlySet<HeldBackField>;
}
export type Catalogs = readonly [
  source: readonly CatalogEntry[],
  target: readonly CatalogEntry[],
  states: IndexStates,
];

export function bothCatalogs({ source, target, filter, load, signal }: StructureDeps): Promise<Catalogs> {
  const list = (of: MongoConnection): Promise<CatalogEntry[]> =>
    retry(() => listCatalog(of, filter, signal), DEFAULT_RETRY, { signal });
  return Promise.all([list(source), list(target), load ? load.indexStates(signal) : UNKNOWN]);
}

export function compareCatalogs(
  { filter, held }: StructureDeps,
  [source, target, states]: Catalogs,
): StructureDifference[] {
  return compareStructure(source, target, { databases: filter.exactDatabases() ?? [], states, held });
}

/** Collections, options and indexes alone. What a load holds back until the cutover is marked so. */
export async function verifyStructure(deps: StructureDeps): Promise<StructureDifference[]> {
  return compareCatalogs(deps, await bothCatalogs(deps));
}
