/** What a command leaves out, in words: nobody should learn that from a target that lacks it. */
import { splitNamespace } from '../../base/record.ts';
import { isSystemCollection, type NamespaceFilter } from './namespace-filter.ts';

const MOST_NAMED = 10;

/** Of the names that were listed in the databases of the filter. */
export function leftOut(names: readonly string[], filter: NamespaceFilter): string[] {
  const own = filter.progress.map((name) => `${name} (progress of loads)`);
  const parts = ['users, roles and settings (the databases admin, config and local)', ...own];
  const system = names.filter(isServersOwn);
  if (system.length > 0) parts.push(some(system));
  const others = names.filter((name) => !isSystemCollection(splitNamespace(name).collection));
  const excluded = others.filter((name) => !filter.matches(name));
  if (excluded.length > 0) parts.push(`by pattern, in the same databases: ${some(excluded)}`);
  return parts;
}

/**
 * Views and time-series collections are told by what they are, and not by where the server keeps
 * them.
 */
function isServersOwn(namespace: string): boolean {
  const { collection } = splitNamespace(namespace);
  return isSystemCollection(collection) && !/^system\.(views$|buckets\.)/.test(collection);
}

function some(names: readonly string[]): string {
  const more = names.length > MOST_NAMED ? ` and ${names.length - MOST_NAMED} more` : '';
  return `${names.slice(0, MOST_NAMED).join(', ')}${more}`;
}
