import type { LoadedProgress } from '@waybill/load/progress/progress';
import { clusterTime } from '@waybill/shared/base/position';
import type {
  CollectionDefinition,
  Milestone,
  SegmentEntry,
  StreamIdentity,
} from '@waybill/shared/manifest/commit';
import { EMPTY_STATE, type StreamState } from '@waybill/shared/manifest/state';
import { describe, expect, it } from 'vitest';
import { renderStatus } from 'waybill/output/status';
import { type StatusInput, statusOf } from './status.ts';

const AT = Date.parse('2026-11-20T10:00:00Z');
const at = (seconds: number) => new Date(AT + seconds * 1000).toISOString();
const T = Math.floor(AT / 1000);

const identity: StreamIdentity = {
  formatVersion: 1,
  features: [],
  stream: 'default',
  createdAt: at(0),
  source: 'abc',
  sourceTopology: 'replicaSet',
  lanes: 2,
  format: 'avro',
  codec: 'zstandard',
  include: [],
  exclude: [],
  images: 'lookup',
};

const milestone = (name: Milestone['name'], seconds: number, sequence = 0): Milestone => ({
  name,
  at: at(seconds),
  clusterTime: `${T + seconds}:1`,
  sequence,
});

const collection = (namespace: string, more: Partial<CollectionDefinition> = {}): CollectionDefinition => ({
  namespace,
  type: 'collection',
  uuid: null,
  options: '',
  indexes: [],
  singleLane: false,
  capped: false,
  documents: 1000,
  bytes: 10_000,
  snapshot: true,
  ...more,
});

const segment = (namespace: string, records: number, documentBytes: number): SegmentEntry => ({
  kind: 'snapshot',
  key: `${namespace}-${records}`,
  format: 'avro',
  codec: 'zstandard',
  bytes: documentBytes / 2,
  records,
  sha256: '',
  documentBytes,
  namespace,
});

const chunk = (namespace: string, number: number, records: number | null, more = {}) => ({
  namespace,
  chunk: number,
  lower: null,
  upper: null,
  progress:
    records === null ? null : { namespace, chunk: number, lastId: null, records, done: true, ...more },
});

const byNumber = <T extends { chunk: number }>(...chunks: T[]) =>
  new Map(chunks.map((each) => [each.chunk, each]));

const inSnapshot: StreamState = {
  ...EMPTY_STATE,
  seq: 7,
  epoch: 2,
  writer: 'host-1',
  at: at(100),
  position: { clusterTime: `${T + 90}:3`, resumeToken: null, options: '' },
  lastSequence: 50,
  collections: new Map(
    [
      collection('shop.orders'),
      collection('shop.small', { documents: 10, bytes: 100 }),
      collection('shop.gone'),
      collection('shop.view', { type: 'view', snapshot: false, documents: 0, bytes: 0 }),
    ].map((each) => [each.namespace, each]),
  ),
  chunks: new Map([
    ['shop.orders', byNumber(chunk('shop.orders', 0, 400), chunk('shop.orders', 1, null))],
    ['shop.gone', byNumber(chunk('shop.gone', 0, 0, { skipped: true }))],
  ]),
  snapshotSegments: [segment('shop.orders', 400, 5050)],
  milestones: [milestone('snapshot-started', 0)],
  totals: { ...EMPTY_STATE.totals, snapshotSegments: 1, snapshotBytes: 2525, changeRecords: 50 },
};

const status = (more: Partial<StatusInput> = {}) =>
  statusOf({
    bucket: '/b',
    identity,
    stream: inSnapshot,
    load: null,
    sourceTime: null,
    now: AT + 103_000,
    ...more,
  });

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
    expect(renderStatus(taken, (_style, text) => text)).toContain(
      'takes --include shop.orders --exclude shop.s*',
    );
    expect(status({ stream, load }).load).toMatchObject({ include: [], snapshotSegmentsTotal: 2 });
  });

  it('puts the milestones of both on one time line', () => {
    expect(status({ load }).milestones.map((each) => [each.of, each.name])).toEqual([
      ['capture', 'snapshot-started'],
      ['load', 'load-started'],
    ]);
  });
});

describe('renderStatus', () => {
  const plain = (_style: unknown, text: string) => text;

  it('shows a snapshot under way', () => {
    expect(renderStatus(status(), plain)).toMatchInlineSnapshot(`
      "stream default  /b
      source replicaSet abc, avro zstandard, 2 lanes

      capture  snapshot  50 %, 400 of 1,010 documents, about 1m 40s left, 50 changes, watermark 13.0 s old, 2.5 KiB in 1 segments, last commit 3.0 s ago
      load     none of this name

      collection   state    captured     of    bytes  chunks
      shop.orders  copying       400  1,000  4.9 KiB     1/2
      shop.small   waiting         0     10      0 B     0/0
      shop.gone    skipped         0      0      0 B     1/1
      shop.view    view            0      0      0 B     0/0

      time (UTC)           by       milestone         cluster time  sequence
      2026-11-20 10:00:00  capture  snapshot-started  1795168800:1         0"
    `);
  });

  it('doubts a capture that has been silent', () => {
    expect(renderStatus(status({ now: AT + 200_000 }), plain)).toContain(
      'last commit 1m 40s ago, not running?',
    );
  });

  const cutOver = {
    ...EMPTY_STATE,
    seq: 4,
    milestones: [milestone('load-started', 1), milestone('cutover', 60)],
  };
  const done = { name: 'default', log: cutOver, progress: null };

  it('shows a finished migration as finished, however long ago its capture ended', () => {
    const over = { ...inSnapshot, milestones: [milestone('snapshot-completed', 1)] };
    const text = renderStatus(
      status({ stream: over, load: done, now: AT + 9_000_000, sourceTime: clusterTime(T + 9000, 1) }),
      plain,
    );
    expect(text).toContain('load     cutover  finished at 2026-11-20 10:01:00 UTC: the target is on its own');
    expect(text).not.toMatch(/not running|lag|give --target/);
  });

  it('tells which side gave no answer, beside what the bucket knows', () => {
    const unreachable = [
      { side: 'target', code: 'MONGO_UNREACHABLE', message: 'nobody at db:27017', hint: 'Is it up?' },
    ] as const;
    const text = renderStatus(
      status({ unreachable, load: { ...done, log: { ...cutOver, milestones: [] } } }),
      plain,
    );
    expect(text).toContain('target   no answer  MONGO_UNREACHABLE: nobody at db:27017\n         Is it up?');
    expect(text).toContain('400 of 1,010 documents');
    expect(text).toContain('its progress stands on the target');
  });

  it.each([24, 12])('keeps its top on a terminal of 80 columns and %i rows', (rows) => {
    const collections = Array.from({ length: 60 }, (_, index) => collection(`shop.c${index}`));
    const milestones = Array.from({ length: 50 }, (_, index) => milestone('caught-up', index));
    const stream = {
      ...inSnapshot,
      collections: new Map(collections.map((each) => [each.namespace, each])),
      milestones,
    };
    const lines = renderStatus(status({ stream }), plain, { rows, columns: 80 }).split('\n');
    const height = lines.reduce((sum, line) => sum + Math.max(1, Math.ceil(line.length / 80)), 0);
    // The cursor stays on the line below.
    expect(height).toBeLessThan(rows);
    expect(height).toBeGreaterThan(rows - 4);
    expect(lines[0]).toBe('stream default  /b');
    if (rows < 24) return;
    const shown = lines.filter((line) => line.startsWith('shop.c')).length;
    expect(lines).toContain(`and ${60 - shown} more`);
    expect(lines.at(-1)).toContain('10:00:49');
  });
});
