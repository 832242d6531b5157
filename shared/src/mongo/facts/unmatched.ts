/** Patterns that name nothing: most likely misspelt. */

import { splitNamespace } from '../../base/record.ts';
import { closest } from '../../base/suggest.ts';
import { isGlob, type Pattern, parsePattern } from './namespace-filter.ts';

/** Those patterns of which none of these namespaces is one. */
export function unmatchedPatterns(patterns: readonly string[], namespaces: readonly string[]): string[] {
  const names = new Set(namespaces);
  return patterns.filter((text) => !namesAny(parsePattern(text), names));
}

/** Names without a glob are looked up: lists of thousands of both are common. */
export function namesAny(
  pattern: Pattern,
  names: Pick<ReadonlySet<string>, 'has'> & { keys(): Iterable<string> },
): boolean {
  const { database, collection } = pattern;
  if (!isGlob(database) && !isGlob(collection)) return names.has(`${database}.${collection}`);
  for (const name of names.keys()) if (isNamed(pattern, name)) return true;
  return false;
}

/** `name`: a namespace, or a database, which is named by whatever names anything in it. */
export function isNamed({ matchesDatabase, matchesCollection }: Pattern, name: string): boolean {
  const { database, collection } = splitNamespace(name);
  return matchesDatabase(database) && (collection === '' || matchesCollection(collection));
}

/** What somebody who wrote that pattern may have meant. */
export function suggestPattern(pattern: string, namespaces: readonly string[]): string | undefined {
  const databases = new Set(namespaces.map((namespace) => splitNamespace(namespace).database));
  const { database, collection } = parsePattern(pattern);
  const [typed, known] =
    collection === '*'
      ? [database, [...databases]]
      : [`${database}.${collection}`, [...namespaces, ...databases]];
  // One that is there and is never taken is no suggestion.
  return closest(
    typed,
    known.filter((name) => name !== typed),
  );
}
