/** Rules that are for nothing: they are most likely misspelt. */
import { splitNamespace } from '@waybill/shared/base/record';
import type { NameMapping } from './name-mapping.ts';

/** The rules, as texts, that are for none of these names of the source. */
export function unmatchedRules({ rules }: NameMapping, sources: readonly string[]): string[] {
  if (rules.length === 0) return [];
  const names = sources.map(splitNamespace);
  return rules
    .filter(
      (rule) =>
        !names.some(
          ({ database, collection }) =>
            (rule.database ?? database) === database && (rule.collection ?? collection) === collection,
        ),
    )
    .map(({ text }) => text);
}
