/** Finds patterns that name nothing: they are most likely misspelt. */

import { splitNamespace } from '../../base/record.ts';
import { closest } from '../../base/suggest.ts';
import { isGlob, type Pattern, parsePattern } from './namespace-filter.ts';

/** The patterns that match none of these namespaces. */
export function unmatchedPatterns(patterns: readonly string[], namespaces: readonly string[]): string[] {
  const names = new Set(namespaces);
  return patterns.filter((text) => !namesAny(parsePattern(text), names));
}

/** A pattern without a glob is looked up: lists of thousands of patterns and names are common. */
export function namesAny(
  pattern: Pattern,
  names: Pick<ReadonlySet<string>, 'has'> & { keys(): Iterable<string> },
): boolean {
  const { database, collection } = pattern;
  if (!isGlob(database) && !isGlob(collection)) return names.has(`${database}.${collection}`);
  for (const name of names.keys()) if (isNamed(pattern, name)) return true;
  return false;
}

/** `name` is a namespace or a database. A pattern names a database if it names anything in it. */
export function isNamed({ matchesDatabase, matchesCollection }: Pattern, name: string): boolean {
  const { database, collection } = splitNamespace(name);
  return matchesDatabase(database) && (collection === '' || matchesCollection(collection));
}

/** The name that the author of that pattern may have meant. */
export function suggestPattern(pattern: string, namespaces: readonly string[]): string | undefined {
  const databases = new Set(namespaces.map((namespace) => splitNamespace(namespace).database));
  const { database, collection } = parsePattern(pattern);
  const [typed, known] =
    collection === '*'
      ? [database, [...databases]]
      : [`${database}.${collection}`, [...namespaces, ...databases]];
  // A name that is there and is never taken is no suggestion.
  return closest(
    typed,
    known.filter((name) => name !== typed),
  );
}
