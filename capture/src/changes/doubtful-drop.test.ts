import type { CollectionDefinition, DdlEvent } from '@waybill/shared/manifest/commit';
import { describe, expect, it } from 'vitest';
import { KnownCollections } from '../catalog/known-collections.ts';
import { judgeDrop } from './doubtful-drop.ts';

const [OLD, NEW, LATER] = ['01', '02', '03'].map((byte) => byte.repeat(16)) as [string, string, string];

const drop = (collectionUuid: string | null): DdlEvent => ({
  operation: 'drop',
  namespace: 'shop.a',
  collectionUuid,
  clusterTime: '7:1',
  wallTime: null,
  description: null,
});

const listed = (...entries: [name: string, uuid: string][]) =>
  entries.map(([name, uuid]) => ({ name, type: 'collection' as const, uuid: Buffer.from(uuid, 'hex') }));

function definition(uuid: string): CollectionDefinition {
  return {
    namespace: 'shop.a',
    type: 'collection',
    uuid,
    options: '',
    indexes: [],
    singleLane: false,
    capped: false,
    documents: 0,
    bytes: 0,
    snapshot: true,
  };
}

function known(uuid: string, { moved = false } = {}): KnownCollections {
  const collections = new KnownCollections([]);
  if (moved) collections.takeOver(definition(uuid), false);
  else collections.set(definition(uuid));
  return collections;
}

const kind = (...args: Parameters<typeof judgeDrop>): string => judgeDrop(...args).kind;

describe('judgeDrop', () => {
  it('believes that what is gone was dropped', () => {
    expect(judgeDrop(drop(OLD), known(OLD), [])).toMatchObject({
      kind: 'record',
      event: { operation: 'drop', namespace: 'shop.a' },
    });
    // After a move; and after one that failed.
    expect(kind(drop(NEW), known(NEW, { moved: true }), [])).toBe('record');
    expect(kind(drop(OLD), known(NEW, { moved: true }), [])).toBe('record');
    expect(kind(drop(null), known(OLD), [])).toBe('record');
  });

  it('takes the drop of another uuid than the one that lives for that of a copy', () => {
    expect(kind(drop(OLD), known(NEW, { moved: true }), listed(['a', NEW]))).toBe('ignore');
    expect(kind(drop(OLD), known(OLD), listed(['a', OLD]))).toBe('ignore');
    expect(kind(drop(null), known(OLD), listed(['a', OLD]))).toBe('ignore');
    // The copy that a failed move had made, with the first one found still there.
    expect(kind(drop(NEW), known(OLD), listed(['a', OLD]))).toBe('ignore');
  });

  it('takes no drop for that of a collection that is renamed later', () => {
    expect(kind(drop(OLD), known(NEW, { moved: true }), listed(['b', NEW]))).toBe('ignore');
  });

  it('believes the drop of a collection that was created in the stream and made anew since', () => {
    expect(kind(drop(OLD), known(OLD), listed(['a', LATER]))).toBe('record');
  });

  it('drops and reads where a move and a drop look alike', () => {
    // The copy of a move that failed; or the collection itself, which has a successor.
    expect(judgeDrop(drop(NEW), known(NEW, { moved: true }), listed(['a', OLD]))).toMatchObject({
      kind: 'reread',
      namespace: 'shop.a',
      before: [{ operation: 'drop', namespace: 'shop.a' }],
    });
    // Moved twice before we looked.
    expect(kind(drop(OLD), known(NEW, { moved: true }), listed(['a', LATER]))).toBe('reread');
    // Before 6.0 the drop of the copy is all that tells of a move.
    expect(kind(drop(null), known(OLD), listed(['a', NEW]))).toBe('reread');
    expect(kind(drop(OLD), new KnownCollections([definition(OLD)], false), listed(['a', NEW]))).toBe(
      'reread',
    );
    expect(kind(drop(OLD), new KnownCollections([definition(OLD)]), listed(['a', NEW]))).toBe('record');
  });
});
