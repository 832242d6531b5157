import { findElement } from '@waybill/shared/bson/raw';
import { readString } from '@waybill/shared/bson/values';
import { modifyAsFarAsTaken, tellBlocked } from './apply-options.ts';
import { ensureCollection, type WantedCollection } from './collections.ts';
import { attempt, type StructureContext } from './context.ts';
import { missingOptions } from './options.ts';
import type { CollectionRecord } from './registry.ts';

/**
 * Makes views after the collections and views they stand on. A view on a view must have its
 * collation, and the server checks that at creation. So a refused view is tried again after the
 * others. Views that are refused when nothing else is left stay blocked.
 */
export async function ensureViews(
  context: StructureContext,
  views: readonly WantedCollection[],
): Promise<void> {
  let left = byDependency(views);
  for (;;) {
    const blocked: CollectionRecord[] = [];
    for (const view of left) {
      const record = await ensureCollection(context, view);
      if (record.blocked.length > 0) blocked.push(record);
    }
    if (blocked.length === left.length) {
      for (const record of blocked) tellBlocked(context, record);
      return;
    }
    left = left.filter(({ namespace }) => blocked.some((record) => record.namespace === namespace));
  }
}

/**
 * Tries again what the target refused of this load's structure: a later state, or another version
 * of the server, may take it.
 */
export async function retryBlocked(context: StructureContext): Promise<void> {
  const { target, registry } = context;
  const blocked = registry.all().filter((record) => record.blocked.some(({ unmapped = false }) => !unmapped));
  await ensureViews(
    context,
    blocked
      .filter(({ type }) => type === 'view')
      .map((record) => ({ ...record, indexes: [], impossible: null })),
  );
  for (const record of blocked.filter(({ type }) => type === 'collection')) {
    const existing = await attempt(context, () => target.collection(record.namespace));
    const missing = existing ? missingOptions(existing.options, record.options) : [];
    const refused = missing.filter(([name]) => record.blocked.some(({ option }) => option === name));
    if (refused.length > 0) await modifyAsFarAsTaken(context, record, refused);
  }
}

/** Orders views so that a view comes after the one it stands on, as far as `viewOn` tells. */
function byDependency(views: readonly WantedCollection[]): WantedCollection[] {
  const byName = new Map(views.map((view) => [view.namespace, view]));
  const ordered = new Set<WantedCollection>();
  const visit = (view: WantedCollection, depth: number): void => {
    if (ordered.has(view) || depth > views.length) return;
    const on = findElement(view.options, 'viewOn');
    const base = on && byName.get(`${view.namespace.split('.', 1)[0]}.${readString(on)}`);
    if (base) visit(base, depth + 1);
    ordered.add(view);
  };
  for (const view of views) visit(view, 0);
  return [...ordered];
}
