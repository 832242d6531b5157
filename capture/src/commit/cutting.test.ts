import { clusterTime } from '@waybill/shared/base/position';
import { describe, expect, it } from 'vitest';
import type { Change } from '../record/change.ts';
import { cutInHalf } from './cutting.ts';
import type { SealedChanges } from './units.ts';

function change(time: number, name: string, transaction: bigint | null = null): Change {
  return {
    sequence: 0,
    operation: 'update',
    namespace: 'shop.a',
    collectionUuid: null,
    clusterTime: clusterTime(1, time),
    wallTime: null,
    transaction: transaction === null ? null : { session: new Uint8Array(16), number: transaction },
    documentKey: Buffer.alloc(0),
    document: null,
    documentOrigin: 'none',
    update: null,
    before: null,
    id: { type: 2, bytes: Buffer.from(name) },
    hash: 0,
    resumeToken: Buffer.from(name),
    bytes: 1,
    lane: 0,
    capped: false,
  };
}

const at = (time: number, token: string, taken: number) => ({
  clusterTime: clusterTime(1, time),
  resumeToken: Buffer.from(token),
  taken,
  lastEvent: clusterTime(1, time),
});

function unit(changes: Change[], before = at(0, 'start', 0)): SealedChanges {
  return {
    kind: 'changes',
    changes,
    before,
    position: at(99, 'end', 0),
    partialTransaction: false,
    bytes: 100,
  };
}

describe('cutInHalf', () => {
  it('cuts in the middle, with a position in between', () => {
    const [a, b, c, d] = [change(1, 'a'), change(2, 'b'), change(3, 'c'), change(4, 'd')];
    const halves = cutInHalf(unit([a, b, c, d]));
    expect(halves.map(({ changes }) => changes)).toEqual([
      [a, b],
      [c, d],
    ]);
    expect(halves.map(({ position }) => position)).toEqual([at(2, 'b', 1), at(99, 'end', 0)]);
    expect(halves[1]?.before).toEqual(at(2, 'b', 1));
  });

  it('does not cut a transaction where there is another place', () => {
    const changes = [change(1, 'a'), change(2, 'b', 1n), change(2, 'c', 1n), change(2, 'd', 1n)];
    const halves = cutInHalf(unit(changes));
    expect(halves.map((half) => half.changes.length)).toEqual([1, 3]);
    expect(halves[0]?.partialTransaction).toBe(false);
  });

  it('says so where it has to', () => {
    const changes = [change(2, 'a', 1n), change(2, 'b', 1n), change(2, 'c', 1n)];
    const halves = cutInHalf(unit(changes, at(2, 'before', 5)));
    expect(halves.map((half) => half.changes.length)).toEqual([2, 1]);
    expect(halves[0]).toMatchObject({ partialTransaction: true, position: at(2, 'b', 7) });
  });

  it('gives a single change back', () => {
    const one = unit([change(1, 'a')]);
    expect(cutInHalf(one)).toEqual([one]);
  });

  it('holds the position of documents that were read in the stream', () => {
    const read = (name: string): Change => ({ ...change(5, name), operation: 'read', resumeToken: null });
    const halves = cutInHalf(unit([read('a'), read('b')], at(3, 'hold', 1)));
    expect(halves[0]?.position).toEqual(at(3, 'hold', 1));
  });
});
