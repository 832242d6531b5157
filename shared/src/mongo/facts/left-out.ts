/** Says in words what a command leaves out. Nobody should learn it from a target that lacks it. */
import { splitNamespace } from '../../base/record.ts';
import { isSystemCollection, type NamespaceFilter } from './namespace-filter.ts';

const MOST_NAMED = 10;

/** `names` are the ones listed in the databases of the filter. */
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
 * False for the collections behind views and time-series collections. The server keeps these in
 * `system.*`, but they are reported as what they are.
 */
function isServersOwn(namespace: string): boolean {
  const { collection } = splitNamespace(namespace);
  return isSystemCollection(collection) && !/^system\.(views$|buckets\.)/.test(collection);
}

function some(names: readonly string[]): string {
  const more = names.length > MOST_NAMED ? ` and ${names.length - MOST_NAMED} more` : '';
  return `${names.slice(0, MOST_NAMED).join(', ')}${more}`;
}
