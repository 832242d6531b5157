import type { CollectionDefinition, DdlEvent } from '@waybill/shared/manifest/commit';
import { describe, expect, it } from 'vitest';
import { KnownCollections } from './known-collections.ts';

const definition = (namespace: string, singleLane = false): CollectionDefinition => ({
  namespace,
  type: 'collection',
  uuid: null,
  options: '',
  indexes: [],
  singleLane,
  capped: false,
  documents: 0,
  bytes: 0,
  snapshot: true,
});

const event = (operation: DdlEvent['operation'], namespace: string, to?: string): DdlEvent => ({
  operation,
  namespace,
  ...(to !== undefined && { to }),
  collectionUuid: null,
  clusterTime: '1:1',
  wallTime: null,
  description: null,
});

describe('KnownCollections', () => {
  it('takes a collection along when it is renamed, over another one', () => {
    const known = new KnownCollections([definition('s.a', true), definition('s.b')]);
    known.apply(event('rename', 's.a', 's.b'));
    expect(known.get('s.a')).toBeUndefined();
    expect(known.get('s.b')).toMatchObject({ namespace: 's.b', singleLane: true });
    expect(known.get('s.b')?.singleLane ?? false).toBe(true);
  });

  it('forgets what an unknown collection was renamed over', () => {
    const known = new KnownCollections([definition('s.b', true)]);
    known.apply(event('rename', 's.unknown', 's.b'));
    expect(known.get('s.b')?.singleLane ?? false).toBe(false);
  });

  it('forgets what is dropped', () => {
    const known = new KnownCollections([definition('s.a'), definition('s.b'), definition('st.a')]);
    known.apply(event('drop', 's.a'));
    expect(known.get('s.a')).toBeUndefined();
    known.apply(event('dropDatabase', 's'));
    expect(known.get('s.b')).toBeUndefined();
    expect(known.get('st.a')).toBeDefined();
  });
});
