import type { CatalogEntry } from '@waybill/shared/mongo/facts/catalog';
import { leftOut } from '@waybill/shared/mongo/facts/left-out';
import { listNames } from '@waybill/shared/mongo/facts/listed-names';
import type { VerifyScope } from './report.ts';
import type { VerifyDeps } from './settings.ts';

/** What a verification covers, and what it does not. */
export async function scopeOf(
  { source, filter, signal }: Pick<VerifyDeps, 'source' | 'filter' | 'signal'>,
  catalog: readonly CatalogEntry[],
  collections: number,
): Promise<VerifyScope> {
  const names = await listNames(source, (database) => filter.mayMatchDatabase(database), signal);
  const named = (type: CatalogEntry['type']): string[] =>
    catalog.filter((entry) => entry.type === type).map(({ namespace }) => namespace);
  return {
    patterns: filter.text(),
    collections,
    views: named('view').length,
    timeSeries: named('timeseries'),
    leftOut: leftOut(names, filter),
  };
}
