import { clusterTime } from '@waybill/shared/base/position';
import type { ChainedCommit } from '@waybill/shared/manifest/codec';
import type { Commit, SegmentEntry } from '@waybill/shared/manifest/commit';
import { describe, expect, it } from 'vitest';
import { START } from '../progress/progress.ts';
import { WindowBuilder } from './window.ts';

function commit(seq: number, documentBytes: number, rest: Partial<Commit> = {}): ChainedCommit {
  const segment = { kind: 'changes', key: `s${seq}`, documentBytes, records: 0, bytes: 0 } as SegmentEntry;
  const full = { seq, ...(documentBytes > 0 && { segments: [segment] }), ...rest } as Commit;
  return { commit: full, hash: `h${seq}`, bytes: 0 };
}

describe('WindowBuilder', () => {
  it('takes commits up to the bytes given, and one that is larger alone', () => {
    const builder = new WindowBuilder(START);
    expect(builder.hasRoomFor(commit(1, 1000), 100)).toBe(true);
    builder.add(commit(1, 60));
    expect(builder.hasRoomFor(commit(2, 41), 100)).toBe(false);
    expect(builder.hasRoomFor(commit(2, 40), 100)).toBe(true);
  });

  it('ends where its last commit ends, also one without changes', () => {
    const builder = new WindowBuilder(START);
    const position = { clusterTime: '17:3', resumeToken: null, options: '' };
    builder.add(commit(1, 10, { lastSequence: 5, position }));
    builder.add(commit(2, 0));
    const window = builder.take();
    expect(window.segments.map(({ seq }) => seq)).toEqual([1]);
    expect(window.end).toEqual({ seq: 2, hash: 'h2', sequence: 5, clusterTime: clusterTime(17, 3) });
    expect(builder.isEmpty).toBe(true);
  });

  it('carries the cursor on from one window to the next', () => {
    const builder = new WindowBuilder({ ...START, seq: 3, sequence: 9, clusterTime: clusterTime(8, 1) });
    builder.add(commit(4, 0));
    expect(builder.take().end).toMatchObject({ seq: 4, sequence: 9, clusterTime: clusterTime(8, 1) });
  });

  it('leaves snapshot segments out', () => {
    const builder = new WindowBuilder(START);
    const snapshot = { kind: 'snapshot', key: 'x', documentBytes: 1e9 } as SegmentEntry;
    const next = commit(1, 0, { segments: [snapshot] });
    builder.add(next);
    expect(builder.take()).toMatchObject({ segments: [], bytes: 0 });
  });

  it('ends inside a commit where it is told to, and leaves the segments behind that out', () => {
    const builder = new WindowBuilder({ ...START, seq: 3, sequence: 9 });
    const entry = (first: number) =>
      ({ kind: 'changes', key: `s${first}`, firstSequence: first, documentBytes: 8 }) as SegmentEntry;
    const end = { ...START, seq: 3, sequence: 12 };
    builder.addPart(commit(4, 0, { segments: [entry(10), entry(12), entry(13)] }), end);
    const window = builder.take();
    expect(window.segments).toMatchObject([
      { seq: 4, through: 12, entry: { key: 's10' } },
      { seq: 4, through: 12, entry: { key: 's12' } },
    ]);
    expect([window.end, builder.end]).toEqual([end, end]);
  });
});
