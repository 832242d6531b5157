import {
  sampleBody,
  sampleChanges,
  sampleCollection,
  sampleMilestone,
  samplePosition,
  sampleSnapshot,
  UUID,
} from '@waybill/test/support/manifest/samples';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { nextCommit } from './append.ts';
import { checkpointOf, stateOf } from './checkpoint.ts';
import { decodeCheckpoint, encodeCheckpoint } from './codec.ts';
import type { Commit, CommitBody, DdlEvent } from './commit.ts';
import { foldCommit, MILESTONES_PER_NAME } from './fold.ts';
import { EMPTY_STATE, milestoneOf, type StreamState } from './state.ts';

const author = (state: StreamState) => ({ epoch: Math.max(1, state.epoch), writer: 'w', attempt: 'a' });
const add = (state: StreamState, body: CommitBody): StreamState =>
  foldCommit(state, nextCommit(state, author(state), body));
const begun = add(EMPTY_STATE, sampleBody);

const ddl = (operation: DdlEvent['operation'], namespace: string, to?: string): DdlEvent => ({
  operation,
  namespace,
  ...(to === undefined ? {} : { to }),
  collectionUuid: UUID,
  clusterTime: '200:1',
  wallTime: 1,
  description: null,
});

describe('folding', () => {
  test('takes in all of a commit', () => {
    expect(begun).toMatchObject({
      seq: 1,
      epoch: 1,
      writer: 'w',
      position: samplePosition(100),
      lastSequence: 5,
      partialTransaction: true,
      milestones: sampleBody.milestones,
      totals: { commits: 1, changeSegments: 1, changeRecords: 5, snapshotRecords: 7, snapshotBytes: 500 },
    });
    expect(begun.snapshotSegments).toEqual([sampleSnapshot('shop.orders', 0, 0, 7)]);
    expect(begun.chunks.get('shop.orders')?.get(0)?.progress).toEqual(sampleBody.chunks![0]);
    expect(begun.chunks.get('shop.orders')?.get(1)?.progress).toBeNull();
  });

  test('leaves the state before it as it was', () => {
    const before = structuredClone(begun);
    add(begun, {
      chunks: [{ namespace: 'shop.orders', chunk: 1, lastId: null, done: true, records: 0, skipped: true }],
      plan: [{ namespace: 'shop.new', chunk: 0, lower: null, upper: null }],
      milestones: [sampleMilestone('caught-up')],
      segments: [sampleSnapshot('shop.orders', 1, 0, 1)],
    });
    expect(begun).toEqual(before);
  });

  test("keeps the inventory in T0's names and follows the current names through DDL", () => {
    let state = add(begun, { ddl: [ddl('rename', 'shop.orders', 'shop.sales')] });
    state = add(state, { ddl: [ddl('create', 'shop.new')], collections: [sampleCollection('shop.new')] });
    expect([...state.collections.keys()]).toEqual(['shop.orders']);
    expect([...state.currentCollections.keys()]).toEqual(['shop.sales', 'shop.new']);
    expect(state.currentCollections.get('shop.sales')?.namespace).toBe('shop.sales');
    state = add(state, { ddl: [ddl('rename', 'shop.new', 'shop.sales'), ddl('drop', 'shop.none')] });
    expect([...state.currentCollections.keys()]).toEqual(['shop.sales']);
    state = add(state, { ddl: [ddl('dropDatabase', 'shop')] });
    expect(state.currentCollections.size).toBe(0);
    expect(state.collections.size).toBe(1);
    expect(
      add(state, { collections: [{ ...sampleCollection('shop.orders'), bytes: 5 }] }).collections,
    ).toEqual(begun.collections);
  });

  test('structure changes committed before the inventory count for the current names all the same', () => {
    let state = add(EMPTY_STATE, {
      ddl: [ddl('create', 'shop.new')],
      collections: [sampleCollection('shop.new')],
    });
    state = add(state, { ddl: [ddl('rename', 'shop.orders', 'shop.sales'), ddl('drop', 'shop.gone')] });
    expect([...state.currentCollections.keys()]).toEqual(['shop.new']);
    expect(state.collections.size).toBe(0);
    const inventory = ['shop.orders', 'shop.gone', 'shop.items'].map(sampleCollection);
    state = add(stateOf(decodeCheckpoint(encodeCheckpoint(checkpointOf(state)), 2, 'k')), {
      collections: inventory,
    });
    expect([...state.collections.keys()]).toEqual(['shop.orders', 'shop.gone', 'shop.items']);
    expect([...state.currentCollections.keys()].sort()).toEqual(['shop.items', 'shop.new', 'shop.sales']);
    expect(state.ddlBeforeInventory).toBeNull();
  });

  test('a transaction stays open until the next changes', () => {
    expect(add(begun, { milestones: [] }).partialTransaction).toBe(true);
    expect(add(begun, { segments: [sampleChanges(6, 1)] }).partialTransaction).toBe(false);
  });

  test('milestones stay bounded, with the first and the latest of each name', () => {
    let state = begun;
    for (let i = 0; i < MILESTONES_PER_NAME * 3; i++)
      state = add(state, { milestones: [sampleMilestone('caught-up', i)] });
    const kept = state.milestones
      .filter(({ name }) => name === 'caught-up')
      .map(({ clusterTime }) => clusterTime);
    expect(kept).toHaveLength(MILESTONES_PER_NAME);
    expect([kept[0], kept[1], kept.at(-1)]).toEqual(['0:1', '65:1', '95:1']);
    expect(milestoneOf(state, 'caught-up')?.clusterTime).toBe('95:1');
    expect(state.milestones[0]?.name).toBe('snapshot-started');
    expect(state.totals.milestones).toBe(1 + MILESTONES_PER_NAME * 3);
  });
});

describe('a commit that does not fit', () => {
  const chunk = { namespace: 'shop.orders', chunk: 0, lastId: null, done: false, records: 7 };
  const done = add(begun, { chunks: [{ ...chunk, done: true }] });
  const cases: [string, StreamState, CommitBody | Partial<Commit>, string][] = [
    ['a skipped number', begun, { seq: 3 }, 'number 3'],
    ['a repeated number', begun, { seq: 1 }, 'number 1'],
    ['a wrong hash', begun, { previous: 'ef'.repeat(32) }, 'does not chain'],
    ['no hash', begun, { previous: null }, 'does not chain'],
    ['a first commit with a hash', EMPTY_STATE, { previous: 'ef'.repeat(32) }, 'does not chain'],
    ['an older epoch', { ...begun, epoch: 4 }, { epoch: 3 }, 'epoch is 3'],
    ['a leap of epochs', begun, { epoch: 3 }, 'epoch is 3'],
    ['another writer in the epoch', begun, { writer: 'other' }, 'another writer'],
    ['a position that goes back', begun, { position: samplePosition(99) }, 'position 99:7'],
    ['a sequence that goes back', begun, { lastSequence: 4 }, 'last sequence 4'],
    ['a gap in the sequences', begun, { segments: [sampleChanges(7, 1)] }, 'sequence 6'],
    ['sequences again', begun, { segments: [sampleChanges(5, 1)] }, 'sequence 6'],
    [
      'two segments with a gap',
      begun,
      { segments: [sampleChanges(6, 2), sampleChanges(9, 2)] },
      'sequence 8',
    ],
    ['a gap inside', begun, { segments: [{ ...sampleChanges(6, 3), records: 2 }] }, 'has gaps'],
    ['lanes that lack records', begun, { segments: [{ ...sampleChanges(6, 3), lanes: [] }] }, 'add up'],
    ['a run outside', begun, { segments: [{ ...sampleChanges(6, 3), bytes: 999 }] }, 'lane 3'],
    ['a wrong end', begun, { segments: [sampleChanges(6, 3)], lastSequence: 9 }, 'not 8'],
    [
      'DDL with changes',
      begun,
      { segments: [sampleChanges(6, 1)], ddl: [ddl('drop', 'a.b')] },
      'structure change',
    ],
    [
      'a plan again',
      begun,
      { plan: [{ namespace: 'shop.orders', chunk: 0, lower: null, upper: null }] },
      'planned again',
    ],
    ['a chunk never planned', begun, { chunks: [{ ...chunk, chunk: 9 }] }, 'never planned'],
    ['a chunk that goes back', begun, { chunks: [{ ...chunk, records: 6 }] }, 'goes back'],
    ['a chunk after its end', done, { chunks: [chunk] }, 'done already'],
    ['a note with more', begun, { note: true, lastSequence: 6 }, 'field lastSequence'],
    ['a note of another epoch', begun, { note: true, epoch: 2 }, 'note of epoch 2'],
    ['a note nobody asked for', EMPTY_STATE, { note: true }, 'nobody owns'],
  ];
  test.each(cases)('%s', (_, state, change, named) => {
    const next = nextCommit(state, author(state), {});
    const commit = { ...next.commit, ...change } as Commit;
    expect(() => foldCommit(state, { ...next, commit })).toThrow(
      expect.objectContaining({
        code: 'MANIFEST_CORRUPT',
        message: expect.stringMatching(new RegExp(`commit ${commit.seq} .*${named}`)),
      }),
    );
  });
});

/** Bodies that fit any state: their content is worked out from it. */
const step = fc.record({
  kind: fc.constantFrom(
    'changes',
    'snapshot',
    'plan',
    'ddl',
    'position',
    'milestone',
    'epoch',
    'collections',
  ),
  n: fc.integer({ min: 1, max: 5 }),
  flag: fc.boolean(),
});

function bodyFor(
  state: StreamState,
  { kind, n, flag }: { kind: string; n: number; flag: boolean },
): CommitBody {
  const namespace = `shop.c${n}`;
  const chunks = state.chunks.get(namespace);
  const open = [...(chunks?.values() ?? [])].find((chunk) => !chunk.progress?.done);
  switch (kind) {
    case 'changes':
      return {
        segments: [sampleChanges(state.lastSequence + 1, n)],
        ...(flag ? { partialTransaction: true } : {}),
      };
    case 'snapshot': {
      if (!open) return {};
      const records = (open.progress?.records ?? 0) + n;
      return {
        segments: [sampleSnapshot(namespace, open.chunk, 0, n)],
        chunks: [{ namespace, chunk: open.chunk, lastId: null, done: flag, records }],
      };
    }
    case 'plan':
      return { plan: [{ namespace, chunk: chunks?.size ?? 0, lower: null, upper: null }] };
    case 'ddl':
      return { ddl: [flag ? ddl('drop', namespace) : ddl('rename', namespace, `shop.c${6 - n}`)] };
    case 'position':
      return { position: samplePosition(state.seq * 10 + n) };
    case 'milestone':
      return {
        milestones: [sampleMilestone(flag ? 'caught-up' : 'collection-completed', n)],
        ...(flag ? {} : {}),
      };
    case 'collections':
      return { collections: [sampleCollection(namespace)] };
    default:
      return {};
  }
}

test('folding on from a checkpoint at any number gives what folding from 1 gives, to the byte', () => {
  fc.assert(
    fc.property(fc.array(step, { minLength: 1, maxLength: 60 }), fc.nat(), (steps, at) => {
      const commits = [];
      const states = [EMPTY_STATE];
      for (const one of steps) {
        const state = states.at(-1)!;
        const epoch = one.kind === 'epoch' || state.epoch === 0 ? state.epoch + 1 : state.epoch;
        const next = nextCommit(state, { epoch, writer: `w${epoch}`, attempt: 'a' }, bodyFor(state, one));
        commits.push(next);
        states.push(foldCommit(state, next));
      }
      const from = 1 + (at % steps.length);
      const bytes = encodeCheckpoint(checkpointOf(states[from]!));
      let state = stateOf(decodeCheckpoint(bytes, from, 'k'));
      expect(encodeCheckpoint(checkpointOf(state))).toEqual(bytes);
      for (const next of commits.slice(from)) state = foldCommit(state, next);
      expect(state).toEqual(states.at(-1));
      expect(encodeCheckpoint(checkpointOf(state))).toEqual(encodeCheckpoint(checkpointOf(states.at(-1)!)));
    }),
  );
});
