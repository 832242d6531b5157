import type { ChunkPlan, ChunkProgress, CollectionDefinition } from '@waybill/shared/manifest/commit';
import { EMPTY_STATE, type StreamState } from '@waybill/shared/manifest/state';
import { describe, expect, it } from 'vitest';
import { pieces } from '../commit/pieces.ts';
import { chunkPlans, snapshotWork } from './plan.ts';

const definition = (namespace: string, bytes: number, snapshot = true): CollectionDefinition => ({
  namespace,
  type: 'collection',
  uuid: null,
  options: '',
  indexes: [],
  singleLane: false,
  capped: false,
  documents: 1,
  bytes,
  snapshot,
});

function state(
  definitions: CollectionDefinition[],
  chunks: (ChunkPlan & { progress: ChunkProgress | null })[],
): StreamState {
  const byName = new Map<string, Map<number, ChunkPlan & { progress: ChunkProgress | null }>>();
  for (const chunk of chunks) {
    const known = byName.get(chunk.namespace) ?? new Map();
    byName.set(chunk.namespace, known.set(chunk.chunk, chunk));
  }
  return {
    ...EMPTY_STATE,
    collections: new Map(definitions.map((each) => [each.namespace, each])),
    chunks: byName,
  };
}

const progress = (namespace: string, chunk: number, done: boolean): ChunkProgress => ({
  namespace,
  chunk,
  lastId: 'AA==',
  done,
  records: 5,
});

describe('snapshotWork', () => {
  it('plans what has no chunks, largest first, and leaves out what has no snapshot', () => {
    const work = snapshotWork(
      state([definition('s.small', 1), definition('s.large', 100), definition('s.view', 0, false)], []),
    );
    expect(work.unplanned.map(({ namespace }) => namespace)).toEqual(['s.large', 's.small']);
    expect(work.pending).toEqual([]);
  });

  it('goes on with chunks that are not done, after their last segment', () => {
    const [first, second, third] = chunkPlans('s.a', [
      { lower: null, upper: Buffer.from('m') },
      { lower: Buffer.from('m'), upper: Buffer.from('t') },
      { lower: Buffer.from('t'), upper: null },
    ]);
    const before = state(
      [definition('s.a', 9)],
      [
        { ...first!, progress: progress('s.a', 0, true) },
        { ...second!, progress: progress('s.a', 1, false) },
        { ...third!, progress: null },
      ],
    );
    const segment = { kind: 'snapshot', namespace: 's.a', chunk: 1, part: 3 } as never;
    const { unplanned, pending } = snapshotWork({ ...before, snapshotSegments: [segment] });
    expect(unplanned).toEqual([]);
    expect(pending.map(({ plan, part, progress }) => [plan.chunk, part, progress?.records])).toEqual([
      [1, 4, 5],
      [2, 0, undefined],
    ]);
    expect(pending[0]?.plan).toEqual({ namespace: 's.a', chunk: 1, lower: 'bQ==', upper: 'dA==' });
  });
});

describe('pieces', () => {
  it('holds everything once, in order', () => {
    expect([...pieces([1, 2, 3, 4, 5], 2)]).toEqual([[1, 2], [3, 4], [5]]);
    expect([...pieces([], 2)]).toEqual([]);
  });
});
