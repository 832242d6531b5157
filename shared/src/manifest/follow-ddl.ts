import type { CollectionDefinition, DdlEvent } from './commit.ts';

/**
 * Applies drops and renames to a map of collections by name. Creations bring their own definition,
 * which the caller adds.
 */
export function followDdl(
  collections: Map<string, CollectionDefinition>,
  { operation, namespace, to }: DdlEvent,
): void {
  if (operation === 'drop') collections.delete(namespace);
  else if (operation === 'dropDatabase') {
    for (const name of collections.keys()) {
      if (name.startsWith(`${namespace}.`)) collections.delete(name);
    }
  } else if (operation === 'rename' && to !== undefined) {
    const moved = collections.get(namespace);
    collections.delete(namespace);
    collections.delete(to);
    if (moved) collections.set(to, { ...moved, namespace: to });
  }
}
