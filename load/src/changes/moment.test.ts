import { clusterTime, formatClusterTime } from '@waybill/shared/base/position';
import type { Commit, DdlEvent, SegmentEntry } from '@waybill/shared/manifest/commit';
import { describe, expect, it } from 'vitest';
import { START } from '../progress/progress.ts';
import type { Moment } from '../settings/load-settings.ts';
import { assertNotPast, cursorAt, isReached, isUpTo, shareOf } from './moment.ts';

const text = (seconds: number): string => formatClusterTime(clusterTime(seconds, 1));
const at = (seconds: number): Moment => ({ clusterTime: clusterTime(seconds, 1) });
const changes = (sequences: [number, number], times: [number, number]): SegmentEntry =>
  ({
    kind: 'changes',
    key: 's',
    firstSequence: sequences[0],
    lastSequence: sequences[1],
    firstClusterTime: text(times[0]),
    lastClusterTime: text(times[1]),
  }) as SegmentEntry;
const commit = (position: number | null, rest: Partial<Commit> = {}): Commit =>
  ({
    seq: 5,
    ...(position !== null && { position: { clusterTime: text(position), resumeToken: null, options: '' } }),
    ...rest,
  }) as Commit;
const ddl = (...times: number[]): DdlEvent[] =>
  times.map((time) => ({ operation: 'create', namespace: 'a.b', clusterTime: text(time) }) as DdlEvent);

describe('shareOf', () => {
  const before = { ...START, seq: 4, sequence: 10 };

  it('divides by sequence', () => {
    const next = commit(20, { segments: [changes([11, 20], [11, 20])] });
    const share = (sequence: number) => shareOf(next, { sequence }, before);
    expect([10, 11, 19, 20, 21].map(share)).toEqual(['none', 'part', 'part', 'whole', 'whole']);
    expect(shareOf(commit(30, { ddl: ddl(30) }), { sequence: 11 }, before)).toBe('whole');
    expect(shareOf(commit(30, { ddl: ddl(30) }), { sequence: 10 }, before)).toBe('none');
  });

  it('divides by cluster time', () => {
    const next = commit(20, { segments: [changes([11, 20], [11, 20])] });
    expect([10, 11, 19, 20, 21].map((time) => shareOf(next, at(time), before))).toEqual([
      'none',
      'part',
      'part',
      'whole',
      'whole',
    ]);
    const later = commit(30, { segments: [changes([11, 20], [11, 20])] });
    expect(shareOf(later, at(20), before)).toBe('part');
  });

  it('is over with a later position, and not with an equal one', () => {
    expect([19, 20, 21].map((time) => shareOf(commit(20), at(time), before))).toEqual([
      'none',
      'whole',
      'whole',
    ]);
    expect(shareOf(commit(null), at(1), before)).toBe('whole');
  });

  it('divides structure changes', () => {
    const next = commit(25, { ddl: ddl(20, 22) });
    expect([19, 20, 22, 25].map((time) => shareOf(next, at(time), before))).toEqual([
      'none',
      'part',
      'part',
      'whole',
    ]);
    expect(ddl(20, 22).map((event) => isUpTo(at(20), event))).toEqual([true, false]);
  });
});

describe('the cursor at a moment', () => {
  const before = { seq: 4, hash: 'h', sequence: 10, clusterTime: clusterTime(9, 1) };

  it('stays at the commit before, with the last record, and no later time than is applied', () => {
    expect(cursorAt({ sequence: 12 }, before, 12)).toEqual({ ...before, sequence: 12 });
    expect(cursorAt(at(11), before, 12)).toEqual({
      ...before,
      sequence: 12,
      clusterTime: clusterTime(11, 1),
    });
  });

  it('is reached by its sequence, and refused where it is past', () => {
    expect([9, 10, 11].map((sequence) => isReached({ sequence }, before))).toEqual([true, true, false]);
    expect(isReached(at(9), before)).toBe(false);
    const past = expect.objectContaining({ code: 'CONFIG_INVALID' });
    for (const moment of [{ sequence: 9 }, at(8)]) {
      expect(() => assertNotPast(moment, [START, before])).toThrow(past);
    }
    for (const moment of [{ sequence: 10 }, at(9)]) assertNotPast(moment, [START, before]);
  });
});
