import { describe, expect, it } from 'vitest';
import { type ClusterIdentity, hasId, isSameCluster } from './cluster-identity.ts';

const identity = (given: Partial<ClusterIdentity>): ClusterIdentity => ({
  replicaSetId: null,
  clusterId: null,
  collectionUuid: null,
  name: 'rs0',
  ...given,
});

describe('the identity of a cluster', () => {
  it.each([
    ['a set under other hosts', { replicaSetId: 'a', name: 'one' }, { replicaSetId: 'a', name: 'two' }, true],
    [
      'a copy in a set of its own',
      { replicaSetId: 'a', collectionUuid: 'u' },
      { replicaSetId: 'b', collectionUuid: 'u' },
      false,
    ],
    [
      'a user who may not read the configuration',
      { replicaSetId: 'a', collectionUuid: 'u' },
      { collectionUuid: 'u' },
      true,
    ],
    [
      'a standalone server that became a set',
      { collectionUuid: 'u' },
      { replicaSetId: 'b', collectionUuid: 'u' },
      true,
    ],
    [
      'a cluster and one of its shards',
      { clusterId: 'c', collectionUuid: 'u' },
      { replicaSetId: 'a', clusterId: 'c', collectionUuid: 'v' },
      true,
    ],
    [
      'two shards of a cluster',
      { replicaSetId: 'a', clusterId: 'c' },
      { replicaSetId: 'b', clusterId: 'c' },
      false,
    ],
    ['nothing in common but the name', { replicaSetId: 'a' }, { collectionUuid: 'u' }, null],
  ])('%s', (_, one, other, same) => {
    expect(isSameCluster(identity(one), identity(other))).toBe(same);
    expect(isSameCluster(identity(other), identity(one))).toBe(same);
  });

  it('is known by every id but the name', () => {
    expect(hasId(identity({ replicaSetId: 'a', collectionUuid: 'u' }), 'u')).toBe(true);
    expect(hasId(identity({ replicaSetId: 'a' }), 'rs0')).toBe(false);
  });
});
