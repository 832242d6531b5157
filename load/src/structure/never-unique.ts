/** Unique indexes that a sharded target never has. */
import { elements, findElement } from '@waybill/shared/bson/raw';
import { attempt, type StructureContext } from './context.ts';
import { heldBackOf } from './index-spec.ts';
import type { CollectionRecord } from './registry.ts';

export const NEVER_UNIQUE =
  'a unique index of a sharded collection begins with the shard key, and the target has another key';

/** Names of the unique indexes that do not begin with the shard key of the target. */
export async function neverUnique(
  context: StructureContext,
  { namespace, indexes }: CollectionRecord,
): Promise<readonly string[]> {
  const unique = indexes.filter(({ spec }) => heldBackOf(spec).unique);
  if (unique.length === 0) return [];
  const { target, signal } = context;
  const keys = await attempt(context, () => target.shardKeys([namespace], signal));
  const fields = keys.get(namespace)?.fields ?? [];
  const others = unique.filter(({ spec }) => {
    const key = findElement(spec, 'key');
    const names = key ? [...elements(key.bytes)].map(({ name }) => name) : [];
    return !fields.every((field, at) => names[at] === field);
  });
  return others.map(({ name }) => name);
}
