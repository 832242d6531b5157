/** How far each collection's copy is. Pure. */

import type { NameMapping } from '@waybill/load/mapping/name-mapping';
import type { LoadedProgress } from '@waybill/load/progress/progress';
import type { Takes } from '@waybill/load/settings/load-filter';
import { milestoneOf, type StreamState } from '@waybill/shared/manifest/state';
import { sum } from './numbers.ts';
import type { CollectionStatus } from './shape.ts';

export function collectionsOf(
  stream: StreamState,
  progress: LoadedProgress | null,
  takes: Takes,
  mapping: NameMapping,
): CollectionStatus[] {
  const bytes = new Map<string, number>();
  for (const { namespace = '', documentBytes } of stream.snapshotSegments)
    add(bytes, namespace, documentBytes);
  const applied = new Map<string, number>();
  for (const { namespace, records } of progress?.finished ?? []) add(applied, namespace, records);
  return [...stream.collections.values()].map((definition): CollectionStatus => {
    const { namespace } = definition;
    const target = takes(namespace) ? mapping.named(namespace) : namespace;
    const chunks = [...(stream.chunks.get(namespace)?.values() ?? [])];
    const documents = sum(chunks, (chunk) => chunk.progress?.records ?? 0);
    const state = definition.type === 'view' ? 'view' : stateOf(stream, definition.snapshot, chunks);
    const isDone = state === 'done' || state === 'skipped' || state === 'view';
    const copied = bytes.get(namespace) ?? 0;
    return {
      namespace,
      ...(target !== namespace && { target }),
      state,
      documents,
      documentsTotal: isDone ? documents : Math.max(documents, definition.documents),
      bytes: copied,
      bytesTotal: isDone ? copied : Math.max(copied, definition.bytes),
      chunks: chunks.length,
      chunksDone: chunks.filter((chunk) => chunk.progress?.done).length,
      applied: progress && takes(namespace) ? (applied.get(target) ?? 0) : null,
    };
  });
}

type Chunks = readonly { readonly progress: { readonly done: boolean; readonly skipped?: true } | null }[];

function stateOf(stream: StreamState, hasSnapshot: boolean, chunks: Chunks): CollectionStatus['state'] {
  if (!hasSnapshot || (chunks.length > 0 && chunks.every((chunk) => chunk.progress?.skipped)))
    return 'skipped';
  if (milestoneOf(stream, 'snapshot-completed')) return 'done';
  if (chunks.length > 0 && chunks.every((chunk) => chunk.progress?.done)) return 'done';
  return chunks.some((chunk) => chunk.progress) ? 'copying' : 'waiting';
}

function add(map: Map<string, number>, key: string, value: number): void {
  map.set(key, (map.get(key) ?? 0) + value);
}
