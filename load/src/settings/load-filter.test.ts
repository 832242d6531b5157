import type { StreamIdentity } from '@waybill/shared/manifest/commit';
import { EMPTY_STATE, type StreamState } from '@waybill/shared/manifest/state';
import { describe, expect, it } from 'vitest';
import {
  EVERYTHING,
  filterEvidence,
  type LoadFilter,
  recordedFilter,
  settleFilter,
  takesOf,
} from './load-filter.ts';

const filter = (include: readonly string[], exclude: readonly string[] = []): LoadFilter => ({
  include,
  exclude,
});
const identity = { stream: 'default', include: ['shop'], exclude: ['shop.tmp'] } as unknown as StreamIdentity;
const settle = (given: LoadFilter, recorded: LoadFilter | null) =>
  settleFilter(given, recorded, identity, 'staging');

describe('the filter of a load', () => {
  it('is what the first start gives, and later ones may leave it out or write it otherwise', () => {
    const given = filter(['shop.users', 'shop.orders', 'crm.*', 'crm'], ['shop.o*']);
    const fixed = filter(['crm', 'shop.orders', 'shop.users'], ['shop.o*']);
    expect(settle(given, null)).toEqual(fixed);
    expect(settle(given, fixed)).toEqual(fixed);
    expect(settle(EVERYTHING, fixed)).toEqual(fixed);
    expect(settle(EVERYTHING, null)).toEqual(EVERYTHING);
  });

  it('is everything where it says what the stream says, so that both may share a file', () => {
    expect(settle(filter(['shop.*'], ['shop.tmp']), null)).toEqual(EVERYTHING);
    expect(settle(filter(['shop'], ['shop.tmp']), EVERYTHING)).toEqual(EVERYTHING);
  });

  it.each([
    [filter(['shop.users']), filter(['shop.orders'])],
    [filter(['shop.orders']), filter(['shop.orders'], ['shop.x'])],
    [filter([], ['shop.x']), EVERYTHING],
    [filter(['shop'], ['shop.tmp']), filter(['shop.orders'])],
  ])('is refused as %j after %j', (given, recorded) => {
    expect(() => settle(given, recorded)).toThrow(
      expect.objectContaining({ code: 'LOAD_OPTIONS_CHANGED', exitCode: 2 }),
    );
  });

  it('names both in the refusal', () => {
    expect(() => settle(filter(['shop.users']), filter(['shop.orders'], ['shop.x']))).toThrow(
      'load staging of stream default was started with --include shop.orders --exclude shop.x, and is now given --include shop.users',
    );
    expect(() => settle(filter(['shop.users']), EVERYTHING)).toThrow('was started with everything in the');
  });

  it('comes back from the log as it was recorded, and is none before that', () => {
    const log = (evidence: ReturnType<typeof filterEvidence>): StreamState => ({
      ...EMPTY_STATE,
      milestones: [{ name: 'load-started', at: '', clusterTime: null, sequence: null, evidence }],
    });
    const odd = filter(['shop.a,b', 'shop.x"y'], []);
    expect(recordedFilter(log(filterEvidence(odd)))).toEqual(odd);
    expect(recordedFilter(log(filterEvidence(EVERYTHING)))).toEqual(EVERYTHING);
    expect(recordedFilter(EMPTY_STATE)).toBeNull();
  });

  it('takes namespaces by it, and all without one', () => {
    const takes = takesOf(filter(['shop'], ['shop.x']));
    expect(['shop.a', 'shop.a', 'shop.x', 'crm.a', 'shop.a'].map(takes)).toEqual([
      true,
      true,
      false,
      false,
      true,
    ]);
    expect(takesOf(EVERYTHING)('shop')).toBe(true);
  });
});
