import type { LoadedProgress } from '@waybill/load/progress/progress';
import { clusterTime } from '@waybill/shared/base/position';
import type { Milestone } from '@waybill/shared/manifest/commit';
import { EMPTY_STATE, type StreamState } from '@waybill/shared/manifest/state';
import { inSnapshot, milestone, segment, status, T } from '@waybill/test/support/statuses';
import { describe, expect, it } from 'vitest';

describe('statusOf a capture', () => {
  it('tells each collection apart', () => {
    expect(
      status().collections.map((each) => [each.namespace, each.state, each.documents, each.documentsTotal]),
    ).toEqual([
      ['shop.orders', 'copying', 400, 1000],
      ['shop.small', 'waiting', 0, 10],
      ['shop.gone', 'skipped', 0, 0],
      ['shop.view', 'view', 0, 0],
    ]);
  });

  it('tells how far the snapshot is and how long it will take', () => {
    const { capture } = status();
    expect(capture).toMatchObject({
      phase: 'snapshot',
      snapshot: { documents: 400, documentsTotal: 1010, bytes: 5050, bytesTotal: 10_100, done: false },
      etaSeconds: 100,
      secondsSinceCommit: 3,
    });
  });

  it('measures lag against the clock of the source and nothing else', () => {
    expect(status().capture).toMatchObject({
      lagSeconds: null,
      watermarkAgeSeconds: 13,
      watermark: `${T + 90}:3`,
    });
    expect(status({ sourceTime: clusterTime(T + 95, 1) }).capture.lagSeconds).toBe(5);
  });

  it.each<[string, Milestone['name'][]]>([
    ['starting', ['capture-started']],
    ['snapshot', ['capture-started', 'snapshot-started', 'collection-completed']],
    ['changes', ['snapshot-started', 'snapshot-completed', 'caught-up', 'writes-stopped']],
    ['drained', ['snapshot-started', 'snapshot-completed', 'writes-stopped', 'drained']],
    ['history-lost', ['snapshot-started', 'snapshot-completed', 'history-lost']],
    ['closed', ['snapshot-started', 'drained', 'stream-closed']],
  ])('is %s after %j', (phase, names) => {
    const milestones = names.map((name, index) => milestone(name, index, 50));
    expect(status({ stream: { ...inSnapshot, milestones } }).capture.phase).toBe(phase);
  });
});

describe('a cutover that was given up', () => {
  const milestones = [milestone('snapshot-completed', 1), milestone('drained', 2, 50)];
  const drained = { ...milestone('drained', 3), evidence: { streamClusterTime: `${T + 2}:1` } };
  const log = { ...EMPTY_STATE, seq: 4, milestones: [milestone('indexes-built', 1), drained] };
  const load = { name: 'default', log, progress: null };
  const phases = (stream: Partial<StreamState>) => {
    const { capture, load: of } = status({ stream: { ...inSnapshot, milestones, ...stream }, load });
    return [capture.phase, of?.phase];
  };

  it('leaves both sides drained until something new comes', () => {
    expect(phases({})).toEqual(['drained', 'drained']);
    expect(phases({ lastSequence: 51 })).toEqual(['changes', 'changes']);
  });

  it('does not make a load look drained that has not reached the latest drain', () => {
    const again = [...milestones, milestone('drained', 9, 51)];
    expect(phases({ lastSequence: 51, milestones: again })).toEqual(['drained', 'changes']);
  });
});

describe('statusOf a load', () => {
  const cursor = (sequence: number, seconds: number) => ({
    seq: 5,
    hash: null,
    sequence,
    clusterTime: clusterTime(T + seconds, 1),
  });
  const progress: LoadedProgress = {
    progressUuid: null,
    cursors: [{ ...cursor(40, 80), seq: 6 }, cursor(30, 70)],
    barrier: { seq: 0, done: 0 },
    phases: { snapshotApplied: true, indexesBuilt: false },
    finished: [{ key: 'a', namespace: 'shop.orders', records: 300, documentBytes: 1 }],
  };
  const log = { ...EMPTY_STATE, seq: 1, epoch: 4, milestones: [milestone('load-started', 5)] };
  const load = { name: 'default', log, progress };

  it('is where its slowest lane is', () => {
    expect(status({ load }).load).toMatchObject({
      phase: 'indexes',
      watermark: `${T + 70}:1`,
      lagSeconds: 20,
      changesBehind: 20,
      snapshotDocuments: 300,
    });
    expect(status({ load }).collections[0]?.applied).toBe(300);
  });

  it('is known by its log alone where the target is not asked, and is none without a log', () => {
    expect(status({ load: { ...load, progress: null } }).load).toMatchObject({
      phase: 'snapshot',
      lagSeconds: null,
    });
    expect(status({ load: { ...load, log: EMPTY_STATE } }).load).toBeNull();
  });

  it('does not take an index that is held back again for all that are built', () => {
    const again = { ...milestone('indexes-built', 8), evidence: { heldBackAgain: true, index: 'mail_1' } };
    const applied = [milestone('load-started', 5), milestone('snapshot-applied', 7), again];
    const phaseOf = (milestones: readonly Milestone[]) =>
      status({ load: { ...load, progress: null, log: { ...log, milestones } } }).load?.phase;
    expect(phaseOf(applied)).toBe('indexes');
    expect(phaseOf([...applied, milestone('indexes-built', 9)])).toBe('changes');
  });

  it('counts only what it takes, and says so', () => {
    const started = {
      ...milestone('load-started', 5),
      evidence: { include: '["shop.orders"]', exclude: '["shop.s*"]' },
    };
    const stream = {
      ...inSnapshot,
      snapshotSegments: [segment('shop.orders', 400, 5050), segment('shop.small', 10, 100)],
    };
    const taken = status({ stream, load: { ...load, log: { ...log, milestones: [started] } } });
    expect(taken.load).toMatchObject({
      include: ['shop.orders'],
      exclude: ['shop.s*'],
      snapshotSegments: 1,
      snapshotSegmentsTotal: 1,
    });
    expect(taken.collections.map(({ applied }) => applied)).toEqual([300, null, null, null]);
    expect(status({ stream, load }).load).toMatchObject({ include: [], snapshotSegmentsTotal: 2 });
  });

  it('puts the milestones of both on one time line', () => {
    expect(status({ load }).milestones.map((each) => [each.of, each.name])).toEqual([
      ['capture', 'snapshot-started'],
      ['load', 'load-started'],
    ]);
  });
});
