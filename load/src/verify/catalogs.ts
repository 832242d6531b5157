/** The structure of both sides: read, and compared once. */
import { type CatalogEntry, listCatalog } from '@waybill/shared/mongo/catalog';
import type { MongoConnection } from '@waybill/shared/mongo/connection';
import { DEFAULT_RETRY, retry } from '@waybill/shared/retry';
import type { StructureDifference } from './report.ts';
import type { VerifyDeps } from './settings.ts';
import { compareStructure } from './structure.ts';

const NONE: ReadonlySet<string> = new Set();

export type StructureDeps = Pick<VerifyDeps, 'source' | 'target' | 'filter' | 'load' | 'signal'>;
export type Catalogs = readonly [
  source: readonly CatalogEntry[],
  target: readonly CatalogEntry[],
  leftOut: ReadonlySet<string>,
];

export function bothCatalogs({ source, target, filter, load, signal }: StructureDeps): Promise<Catalogs> {
  const list = (of: MongoConnection): Promise<CatalogEntry[]> =>
    retry(() => listCatalog(of, filter, signal), DEFAULT_RETRY, { signal });
  return Promise.all([list(source), list(target), load ? load.leftOutIndexes(signal) : NONE]);
}

export function compareCatalogs(
  { filter }: StructureDeps,
  [source, target, leftOut]: Catalogs,
): StructureDifference[] {
  return compareStructure(source, target, filter.exactDatabases() ?? [], leftOut);
}

/** Collections, options and indexes alone. What a load holds back until the cutover is marked so. */
export async function verifyStructure(deps: StructureDeps): Promise<StructureDifference[]> {
  return compareCatalogs(deps, await bothCatalogs(deps));
}
