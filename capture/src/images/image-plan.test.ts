import { clusterTime } from '@waybill/shared/base/position';
import type { Operation } from '@waybill/shared/base/record';
import { describe, expect, it } from 'vitest';
import type { Change } from '../record/change.ts';
import { planImages } from './image-plan.ts';

function change(operation: Operation, id: string, more: Partial<Change> = {}): Change {
  return {
    sequence: 0,
    operation,
    namespace: 'shop.orders',
    collectionUuid: null,
    clusterTime: clusterTime(1, 1),
    wallTime: null,
    transaction: null,
    documentKey: Buffer.alloc(0),
    document: operation === 'insert' || operation === 'replace' ? Buffer.from('{}') : null,
    documentOrigin: operation === 'insert' || operation === 'replace' ? 'event' : 'none',
    update: null,
    before: null,
    id: { type: 2, bytes: Buffer.from(id) },
    hash: 0,
    resumeToken: null,
    bytes: 1,
    lane: 0,
    capped: false,
    ...more,
  };
}

const wanted = (changes: Change[]): number[] =>
  planImages(changes).flatMap((want) => want.changes.map((each) => changes.indexOf(each)));

describe('planImages', () => {
  it('wants the image of the last update of each document only', () => {
    const changes = [change('update', 'a'), change('update', 'b'), change('update', 'a')];
    expect(wanted(changes)).toEqual([1, 2]);
    expect(changes.map((each) => each.documentOrigin)).toEqual(['superseded', 'none', 'none']);
  });

  it.each(['insert', 'replace', 'delete'] as const)(
    'takes an update before a %s as superseded',
    (operation) => {
      const changes = [change('update', 'a'), change(operation, 'a')];
      expect(wanted(changes)).toEqual([]);
      expect(changes[0]?.documentOrigin).toBe('superseded');
    },
  );

  it('wants the image of an update after a delete and an insert of the same id', () => {
    const changes = [
      change('update', 'a'),
      change('delete', 'a'),
      change('insert', 'a'),
      change('update', 'a'),
    ];
    expect(wanted(changes)).toEqual([3]);
    expect(changes.map((each) => each.documentOrigin)).toEqual(['superseded', 'none', 'event', 'none']);
  });

  it('keeps ids apart that differ in type, and documents that differ in collection', () => {
    const changes = [
      change('update', 'a'),
      change('update', 'a', { id: { type: 7, bytes: Buffer.from('a') } }),
      change('update', 'a', { namespace: 'shop.other' }),
    ];
    expect(planImages(changes).map((want) => [want.namespace, want.changes.length])).toEqual([
      ['shop.other', 1],
      ['shop.orders', 2],
    ]);
  });

  it('wants what may stand under another shard key than the last delete of an id names', () => {
    const sharded = { documentKey: Buffer.alloc(30) };
    const changes = [
      change('delete', 'a', sharded),
      change('insert', 'a'),
      change('delete', 'b'),
      change('update', 'c'),
      change('delete', 'c', sharded),
      change('insert', 'd'),
      change('delete', 'd', sharded),
    ];
    expect(wanted(changes)).toEqual([4, 6]);
    expect(changes[3]?.documentOrigin).toBe('superseded');
  });

  it('wants deletes alone where updates have no images', () => {
    const changes = [
      change('update', 'a'),
      change('update', 'b'),
      change('delete', 'b', { documentKey: Buffer.alloc(30) }),
    ];
    expect(planImages(changes, false).map((want) => want.changes)).toEqual([[changes[2]]]);
    expect(changes.map((each) => each.documentOrigin)).toEqual(['none', 'none', 'none']);
  });

  it('leaves a stored post-image alone', () => {
    const changes = [change('update', 'a', { document: Buffer.from('x'), documentOrigin: 'postImage' })];
    expect(wanted(changes)).toEqual([]);
    expect(changes[0]?.documentOrigin).toBe('postImage');
  });
});
