import type { Milestone } from '@waybill/shared/manifest/commit';
import { EMPTY_STATE, type StreamState } from '@waybill/shared/manifest/state';
import type { ClusterIdentity } from '@waybill/shared/mongo/facts/cluster-identity';
import { describe, expect, it } from 'vitest';
import type { ProgressDocument } from '../target/progress-store.ts';
import {
  assertBound,
  type Bond,
  bondMilestone,
  settleBond,
  settleProgressDatabase,
  type TargetSight,
} from './target-bond.ts';

const name = { load: 'default', stream: 'source/default/today' };
const started: Milestone = { name: 'load-started', at: '', clusterTime: null, sequence: null };

const cluster = (id: string): ClusterIdentity => ({
  replicaSetId: id,
  clusterId: null,
  collectionUuid: `${id}-uuid`,
  name: 'rs0',
});
const bond = (id: string, key = 'key'): Bond => ({
  key,
  cluster: cluster(id),
  hosts: `${id}.example`,
  progressDatabase: 'waybill',
});
const logOf = (epoch: number, ...milestones: readonly Milestone[]): StreamState => ({
  ...EMPTY_STATE,
  seq: epoch,
  epoch,
  milestones,
});
const sight = (id: string, owner: Readonly<Record<string, string | number>> | null): TargetSight => ({
  cluster: cluster(id),
  hosts: `${id}.example`,
  progressDatabase: 'waybill',
  progressNamespace: 'waybill.progress',
  owner: owner && ({ _id: 'default/owner', stream: name.stream, epoch: 1, ...owner } as ProgressDocument),
});

/** The code of the refusal, or what a start goes on with. */
function outcome(log: StreamState, seen: TargetSight): string {
  try {
    const { bond: settled, isNew } = settleBond(log, seen, name);
    return `${isNew ? 'binds' : 'goes on'} ${settled.cluster.replicaSetId}`;
  } catch (error) {
    return (error as { code: string }).code;
  }
}

describe('the bond between a log and its target', () => {
  const fresh = logOf(0);
  const bound = logOf(1, bondMilestone(bond('a')));
  const begun = logOf(1, bondMilestone(bond('a')), started);
  const earlier = logOf(1, started);

  it.each([
    ['a first start', fresh, sight('a', null), 'binds a'],
    ['a first start that was cut short before the target', bound, sight('a', null), 'goes on a'],
    ['the same, and then another target', bound, sight('b', null), 'LOAD_OTHER_TARGET'],
    ['the same, by a user who may read no identity', bound, unknown('a'), 'goes on null'],
    ['another, by such a user', bound, unknown('b'), 'LOAD_OTHER_TARGET'],
    ['the next start', begun, sight('a', { bond: 'key' }), 'goes on a'],
    ['another target', begun, sight('b', null), 'LOAD_OTHER_TARGET'],
    [
      'another target that has a load of that name',
      begun,
      sight('b', { bond: 'other' }),
      'LOAD_OTHER_TARGET',
    ],
    ['its progress is gone', begun, sight('a', null), 'LOAD_PROGRESS_LOST'],
    ['its progress was begun anew by another log', begun, sight('a', { bond: 'other' }), 'LOAD_OTHER_TARGET'],
    ['restored into another cluster with its progress', begun, sight('b', { bond: 'key' }), 'binds b'],
    [
      'the bucket is older than the target',
      logOf(1, started),
      sight('a', { epoch: 2 }),
      'STREAM_ROLLED_BACK',
    ],
    ['an earlier version, its target', earlier, sight('a', {}), 'binds a'],
    ['an earlier version, another target', earlier, sight('b', null), 'LOAD_OTHER_TARGET'],
    ['an earlier version, cut short once the log was bound', begun, sight('a', {}), 'goes on a'],
    [
      'an earlier version, another target with a load of that name',
      begun,
      sight('b', {}),
      'LOAD_OTHER_TARGET',
    ],
    ['the progress of another stream', fresh, sight('a', { stream: 'other' }), 'LOAD_FOREIGN'],
  ])('%s', (_, log, seen, expected) => {
    expect(outcome(log, seen)).toBe(expected);
  });

  it('takes no copy of the target for the target', () => {
    expect(() => assertBound(begun, sight('a', { bond: 'key' }), name)).not.toThrow();
    expect(() => assertBound(begun, sight('b', { bond: 'key' }), name)).toThrow(
      /another target \(a\.example\)/,
    );
    expect(() => assertBound(earlier, sight('a', {}), name)).not.toThrow();
    expect(() => assertBound(earlier, sight('a', null), name)).toThrow(/another target/);
  });

  it('tells where the progress is', () => {
    const elsewhere = logOf(1, bondMilestone({ ...bond('a'), progressDatabase: 'p' }));
    expect(settleProgressDatabase(null, fresh, 'default', null)).toBe('waybill');
    expect(settleProgressDatabase('p', fresh, 'default', null)).toBe('p');
    expect(settleProgressDatabase(null, elsewhere, 'default', null)).toBe('p');
    expect(() => settleProgressDatabase('q', elsewhere, 'default', null)).toThrow(/in the database p/);
    expect(settleProgressDatabase(null, fresh, 'default', 'shop')).toBe('shop');
    expect(settleProgressDatabase('shop', fresh, 'default', 'shop')).toBe('shop');
    expect(() => settleProgressDatabase('p', fresh, 'default', 'shop')).toThrow(/one database, shop/);
  });
});

function unknown(id: string): TargetSight {
  const cluster = { replicaSetId: null, clusterId: null, collectionUuid: null, name: 'rs0' };
  return { ...sight(id, null), cluster };
}
