import type { ChunkPlan, ChunkProgress, CollectionDefinition } from '@waybill/shared/manifest/commit';
import type { StreamState } from '@waybill/shared/manifest/state';
import type { Range } from '@waybill/shared/mongo/read/range-plan';

/** A chunk that is not done, and where to go on with it. */
export interface PendingChunk {
  readonly definition: CollectionDefinition;
  readonly plan: ChunkPlan;
  /** Null before the first committed segment. */
  readonly progress: ChunkProgress | null;
  /** The number of the next segment of the chunk. */
  readonly part: number;
}

export interface SnapshotWork {
  /** Collections without chunks, largest first. */
  readonly unplanned: readonly CollectionDefinition[];
  /** Chunks of planned collections that are not done, those of larger collections first. */
  readonly pending: readonly PendingChunk[];
}

/** What the snapshot still has to do. The manifest alone tells. */
export function snapshotWork(state: StreamState): SnapshotWork {
  const collections = [...state.collections.values()]
    .filter((definition) => definition.snapshot)
    .sort((a, b) => b.bytes - a.bytes);
  const parts = new Map<string, number>();
  for (const { namespace, chunk, part } of state.snapshotSegments) {
    const key = `${chunk} ${namespace}`;
    parts.set(key, Math.max(parts.get(key) ?? 0, (part ?? 0) + 1));
  }
  const unplanned: CollectionDefinition[] = [];
  const pending: PendingChunk[] = [];
  for (const definition of collections) {
    const chunks = state.chunks.get(definition.namespace);
    if (!chunks) {
      unplanned.push(definition);
      continue;
    }
    for (const { progress, ...plan } of chunks.values()) {
      if (progress?.done) continue;
      const part = parts.get(`${plan.chunk} ${definition.namespace}`) ?? 0;
      pending.push({ definition, plan, progress, part });
    }
  }
  return { unplanned, pending };
}

export function chunkPlans(namespace: string, ranges: readonly Range[]): ChunkPlan[] {
  return ranges.map(({ lower, upper }, chunk) => ({
    namespace,
    chunk,
    lower: lower?.toString('base64') ?? null,
    upper: upper?.toString('base64') ?? null,
  }));
}

/** The whole collection as one chunk: by `_id`, or in natural order if that spares the server. */
export function wholePlan(namespace: string, natural = false): ChunkPlan {
  return { namespace, chunk: 0, lower: null, upper: null, ...(natural && { natural }) };
}
