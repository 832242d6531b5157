import type { DdlEvent } from '@waybill/shared/manifest/commit';
import type { StructureEvent } from '../mapping/entering.ts';
import { ensureCollection, plainCollection } from './collections.ts';
import { attempt, type StructureContext } from './context.ts';
import type { CollectionRecord } from './registry.ts';

/**
 * The record of the event's collection. An unknown collection was there at T0 and gone before the
 * inventory; the stream drops it again.
 */
export async function recordFor(context: StructureContext, event: StructureEvent): Promise<CollectionRecord> {
  const known = context.registry.get(event.namespace);
  const existing = known && (await attempt(context, () => context.target.collection(event.namespace)));
  if (known && existing) return known;
  return ensureCollection(context, {
    ...plainCollection({ namespace: event.namespace, source: event.source.namespace }, event.collectionUuid),
    ...(known && { options: known.options, type: known.type }),
  });
}

export function description(event: DdlEvent): Buffer | null {
  return event.description === null ? null : Buffer.from(event.description, 'base64');
}
