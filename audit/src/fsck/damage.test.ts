/**
 * Every kind of damage, done to the files of a real stream: it is found, by its name, and nothing
 * else is.
 */
import { join } from 'node:path';
import type { Commit, SegmentEntry } from '@waybill/shared/manifest/commit';
import { checkpointKey, commitKey, identityKey, loadPrefix, segmentKey } from '@waybill/shared/manifest/keys';
import { sealJson } from '@waybill/shared/manifest/sealed-json';
import { SampleStream, STREAM } from '@waybill/test/support/audit/damaged-streams';
import { describe, expect, it } from 'vitest';
import { FINDING_KINDS, type FindingKind } from './findings.ts';
import { runFsck } from './fsck.ts';
import { newFsckStats } from './stats.ts';

/**
 * Whole keys of the segments as they were before. Commits 5 to 7 have the snapshot's, 8 to 10 the
 * changes.
 */
interface Keys {
  readonly snapshot: readonly string[];
  readonly changes: readonly string[];
  /** The load's file of dead letters. */
  readonly letters: string;
}

type Found = readonly [kind: FindingKind, key: string];

interface Damage {
  readonly what: string;
  readonly spoil: (stream: SampleStream, keys: Keys) => Promise<void>;
  readonly found: (keys: Keys) => readonly Found[];
  /** Found without reading the segments too. */
  readonly cheap: boolean;
}

const commit = (seq: number): string => commitKey(STREAM, seq);
/**
 * It stands at the last commit, so it no longer fits where one was changed and those after it were
 * chained anew.
 */
const CHECKPOINT = checkpointKey(STREAM, 10);
const stale: Found = ['checkpoint-wrong', CHECKPOINT];

const flip = (bytes: Buffer): Buffer => {
  const copy = Buffer.from(bytes);
  copy[bytes.length >> 1]! ^= 0x10;
  return copy;
};
const rewrite = (
  stream: SampleStream,
  key: string,
  change: (bytes: Buffer) => Buffer | null,
): Promise<void> => stream.rewrite(join(stream.folder, key), change);
const amendFile = (stream: SampleStream, key: string, fields: object): Promise<void> =>
  rewrite(stream, key, (bytes) => {
    const { checksum: _, ...value } = JSON.parse(bytes.toString());
    return sealJson({ ...value, ...fields });
  });
/** Changes the entry of a commit's segment. */
const amendEntry = (
  stream: SampleStream,
  seq: number,
  change: (entry: SegmentEntry) => Partial<SegmentEntry>,
  more: (commit: Commit) => Partial<Commit> = () => ({}),
): Promise<void> =>
  stream.amend(seq, (old) => ({
    segments: old.segments!.map((entry) => ({ ...entry, ...change(entry) })),
    ...more(old),
  }));
const progress = (change: (chunk: NonNullable<Commit['chunks']>[number]) => object) => (old: Commit) => ({
  chunks: old.chunks!.map((chunk) => ({ ...chunk, ...change(chunk) })),
});

const FILES: readonly Damage[] = [
  {
    what: 'a segment with one bit flipped',
    spoil: (stream, { changes }) => rewrite(stream, changes[1]!, flip),
    found: ({ changes }) => [['segment-altered', changes[1]!]],
    cheap: false,
  },
  {
    what: 'a segment cut short',
    spoil: (stream, { snapshot }) => rewrite(stream, snapshot[0]!, (bytes) => bytes.subarray(0, -9)),
    found: ({ snapshot }) => [['segment-size', snapshot[0]!]],
    cheap: true,
  },
  {
    what: 'a segment that is gone',
    spoil: (stream, { changes }) => rewrite(stream, changes[1]!, () => null),
    found: ({ changes }) => [['segment-missing', changes[1]!]],
    cheap: true,
  },
  {
    what: 'two segments in each other’s place',
    spoil: async (stream, { snapshot: [, a = '', b = ''] }) => {
      const [bytesOfA, bytesOfB] = [await stream.bucket.get(a), await stream.bucket.get(b)];
      // Cut or filled up to the same sizes, so that only reading tells them apart.
      await stream.bucket.put(a, Buffer.alloc(bytesOfA.length, bytesOfB));
      await stream.bucket.put(b, Buffer.alloc(bytesOfB.length, bytesOfA));
    },
    found: ({ snapshot: [, a = '', b = ''] }) => [
      ['segment-altered', a],
      ['segment-altered', b],
    ],
    cheap: false,
  },
  {
    what: 'a file of dead letters with one bit flipped',
    spoil: (stream, { letters }) => rewrite(stream, letters, flip),
    found: ({ letters }) => [['dead-letters-altered', letters]],
    cheap: false,
  },
  {
    what: 'a file of dead letters cut short',
    spoil: (stream, { letters }) => rewrite(stream, letters, (bytes) => bytes.subarray(0, -3)),
    found: ({ letters }) => [['dead-letters-altered', letters]],
    cheap: true,
  },
  {
    what: 'a file of dead letters that is gone, and one that nobody named',
    spoil: async (stream, { letters }) => {
      await stream.uploadLetters(1);
      await rewrite(stream, letters, () => null);
    },
    found: ({ letters }) => [
      ['dead-letters-missing', letters],
      ['orphan', 'new'],
    ],
    cheap: true,
  },
  {
    what: 'a commit that is gone',
    spoil: (stream) => rewrite(stream, commit(9), () => null),
    found: ({ changes }) => [
      ['commit-missing', commit(9)],
      ['orphan', changes[1]!],
    ],
    cheap: true,
  },
  {
    what: 'a commit with one bit flipped',
    spoil: (stream) => rewrite(stream, commit(9), flip),
    found: ({ changes }) => [
      ['commit-damaged', commit(9)],
      ['orphan', changes[1]!],
    ],
    cheap: true,
  },
  {
    what: 'the last commits gone',
    spoil: async (stream) => {
      for (const seq of [9, 10]) await rewrite(stream, commit(seq), () => null);
    },
    // By the checkpoint, and by what the load has reached.
    found: ({ changes }) => [
      ['log-cut-short', commit(9)],
      ['log-cut-short', commit(9)],
      ['orphan', changes[1]!],
      ['orphan', changes[2]!],
    ],
    cheap: true,
  },
  {
    what: 'a stream.json that is gone',
    spoil: (stream) => rewrite(stream, identityKey(STREAM), () => null),
    found: () => [['stream-damaged', identityKey(STREAM)]],
    cheap: true,
  },
  {
    what: 'a stream.json with one bit flipped',
    spoil: (stream) => rewrite(stream, identityKey(STREAM), flip),
    found: () => [['stream-damaged', identityKey(STREAM)]],
    cheap: true,
  },
  {
    what: 'a checkpoint with one bit flipped',
    spoil: (stream) => rewrite(stream, CHECKPOINT, flip),
    found: () => [['checkpoint-damaged', CHECKPOINT]],
    cheap: true,
  },
  {
    what: 'a checkpoint that says something else than the log',
    spoil: (stream) => amendFile(stream, CHECKPOINT, { lastSequence: 119 }),
    found: () => [stale],
    cheap: true,
  },
  {
    what: 'a commit of a load that is gone',
    spoil: (stream) => rewrite(stream, commitKey(loadPrefix(STREAM, 'staging'), 1), () => null),
    found: () => [['commit-missing', commitKey(loadPrefix(STREAM, 'staging'), 1)]],
    cheap: true,
  },
];

const STATEMENTS: readonly Damage[] = [
  {
    what: 'a commit that was changed, with a checksum that fits',
    spoil: (stream) => stream.amend(6, () => ({ at: '2020-01-01T00:00:00.000Z' }), false),
    found: () => [['chain-broken', commit(7)]],
    cheap: true,
  },
  {
    what: 'a commit that needs a feature of the future',
    spoil: (stream) => stream.amend(2, () => ({ features: ['time-travel'] }), false),
    found: () => [['format-unsupported', commit(2)]],
    cheap: true,
  },
  {
    what: 'a commit of an owner that had lost the stream',
    spoil: (stream) => stream.amend(10, () => ({ writer: 'another' })),
    found: () => [['commit-contradicts', commit(10)], stale],
    cheap: true,
  },
  {
    what: 'a position that goes back',
    spoil: (stream) =>
      stream.amend(10, ({ position }) => ({ position: { ...position, clusterTime: '150:1' } })),
    found: () => [['commit-contradicts', commit(10)], stale],
    cheap: true,
  },
  {
    what: 'changes that begin behind a gap',
    spoil: async (stream) => {
      const segment = await stream.uploadChanges(40, { from: 91 });
      await stream.amend(10, () => ({ segments: [segment], lastSequence: 130 }));
    },
    found: ({ changes }) => [['sequence-gap', commit(10)], stale, ['orphan', changes[2]!]],
    cheap: true,
  },
  {
    what: 'changes that overlap those before',
    spoil: async (stream) => {
      const segment = await stream.uploadChanges(60, { from: 61 });
      await stream.amend(10, () => ({ segments: [segment], lastSequence: 120 }));
    },
    found: ({ changes }) => [['sequence-overlap', commit(10)], stale, ['orphan', changes[2]!]],
    cheap: true,
  },
  {
    what: 'a segment with another number of records than its lanes',
    spoil: (stream) => amendEntry(stream, 9, ({ records }) => ({ records: records - 1 })),
    found: ({ changes }) => [['commit-contradicts', commit(9)], ['segment-entry', changes[1]!], stale],
    cheap: true,
  },
  {
    what: 'a wrong count of a snapshot segment, in the progress of its chunk too',
    spoil: (stream) =>
      amendEntry(
        stream,
        7,
        ({ records }) => ({ records: records + 1 }),
        progress(({ records }) => ({ records: records + 1 })),
      ),
    found: ({ snapshot }) => [stale, ['segment-content', snapshot[2]!]],
    cheap: false,
  },
  {
    what: 'progress of a chunk that its segments do not hold',
    spoil: (stream) =>
      amendEntry(
        stream,
        7,
        () => ({}),
        progress(({ records }) => ({ records: records + 1 })),
      ),
    found: () => [['chunk-progress', commit(7)], stale],
    cheap: true,
  },
  {
    what: 'a chunk that goes on elsewhere than behind its last document',
    spoil: (stream) => stream.amend(7, (old) => progress(() => ({ lastId: 'DgAAABBfaWQAAwAAAAA=' }))(old)),
    found: ({ snapshot }) => [stale, ['chunk-progress', snapshot[2]!]],
    cheap: false,
  },
  {
    what: 'a segment that is named twice',
    spoil: async (stream) => {
      const [first] = (await stream.stored(5)).segments!;
      await stream.amend(10, ({ segments = [] }) => ({ segments: [...segments, first] }));
    },
    found: ({ snapshot }) => [['chunk-progress', commit(10)], stale, ['segment-named-twice', snapshot[0]!]],
    cheap: true,
  },
  {
    what: 'the run of a lane shifted by a byte',
    spoil: (stream) =>
      amendEntry(stream, 9, ({ lanes = [] }) => ({
        lanes: lanes.map((run, i) => (i === 1 ? { ...run, offset: run.offset + 1 } : run)),
      })),
    found: ({ changes }) => [['lane-run', changes[1]!], ['lane-run', changes[1]!], stale],
    cheap: true,
  },
  {
    what: 'a lane that the stream does not have',
    spoil: (stream) =>
      amendEntry(stream, 9, ({ lanes = [] }) => ({
        lanes: lanes.map((run, i) => (i === 1 ? { ...run, lane: 99 } : run)),
      })),
    found: ({ changes }) => [['lane-run', changes[1]!], stale],
    cheap: true,
  },
  {
    what: 'the run of a lane with another hash',
    spoil: (stream) =>
      amendEntry(stream, 9, ({ lanes = [] }) => ({
        lanes: lanes.map((run, i) => (i === 1 ? { ...run, sha256: 'ab'.repeat(32) } : run)),
      })),
    found: ({ changes }) => [['lane-run', changes[1]!], stale],
    cheap: false,
  },
  {
    what: 'two lanes under each other’s number',
    spoil: (stream) =>
      amendEntry(stream, 9, ({ lanes = [] }) => ({
        lanes: lanes.map((run, i) => (i < 2 ? { ...run, lane: lanes[1 - i]!.lane } : run)),
      })),
    found: ({ changes }) => [['lane-wrong', changes[1]!], stale],
    cheap: false,
  },
  {
    what: 'records in lanes where they do not belong',
    spoil: async (stream) => {
      const segment = await stream.uploadChanges(40, { from: 81, misplace: true });
      await stream.amend(10, () => ({ segments: [segment] }));
    },
    found: ({ changes }) => [['lane-wrong', 'new'], stale, ['orphan', changes[2]!]],
    cheap: false,
  },
  {
    what: 'a record whose document is none',
    spoil: async (stream) => {
      const broken = Buffer.from('0c0000001061000100000063', 'hex');
      const spoil = <R extends { readonly sequence: number }>(record: R): R =>
        record.sequence === 99 ? { ...record, document: broken } : record;
      const segment = await stream.uploadChanges(40, { from: 81, spoil });
      await stream.amend(10, () => ({ segments: [segment] }));
    },
    found: ({ changes }) => [['segment-content', 'new'], stale, ['orphan', changes[2]!]],
    cheap: false,
  },
  {
    what: 'counts by operation that are others',
    spoil: (stream) => amendEntry(stream, 9, ({ records }) => ({ operations: { update: records } })),
    found: ({ changes }) => [['segment-content', changes[1]!], stale],
    cheap: false,
  },
  {
    what: 'cluster times that are others',
    spoil: (stream) => amendEntry(stream, 9, () => ({ lastClusterTime: '1790000000:81' })),
    found: ({ changes }) => [['segment-content', changes[1]!], stale],
    cheap: false,
  },
  {
    what: 'a size of documents that is another',
    spoil: (stream) => amendEntry(stream, 5, () => ({ documentBytes: 1 })),
    found: ({ snapshot }) => [stale, ['segment-content', snapshot[0]!]],
    cheap: false,
  },
  {
    what: 'a segment of another format than the stream’s',
    spoil: (stream) => amendEntry(stream, 9, () => ({ format: 'jsonl' })),
    found: ({ changes }) => [['segment-entry', changes[1]!], stale],
    cheap: true,
  },
];

const check = async (stream: SampleStream, deep: boolean) =>
  runFsck({ stream: STREAM, deep }, { bucket: stream.bucket, stats: newFsckStats() });

const sorted = (found: readonly Found[]): Found[] =>
  [...found].sort((a, b) => a.join().localeCompare(b.join()));

describe.each([
  ['files', FILES],
  ['statements', STATEMENTS],
])('damage of %s', (_name, damages) => {
  it.each(damages)('$what', async ({ spoil, found, cheap }) => {
    await using stream = await SampleStream.whole();
    const keys = {
      snapshot: (await stream.segments('snapshot')).map(({ key }) => segmentKey(STREAM, key)),
      changes: (await stream.segments('changes')).map(({ key }) => segmentKey(STREAM, key)),
      letters: await stream.letters(),
    };
    await spoil(stream, keys);
    const old = [...keys.changes, keys.letters];
    const isOld = (key: string) => !/\/(segments\/changes|dead-letters)\//.test(key) || old.includes(key);
    const told = async (deep: boolean): Promise<Found[]> => {
      const { findings } = await check(stream, deep);
      return sorted(findings.map(({ kind, key }) => [kind, isOld(key) ? key : 'new']));
    };
    const expected = sorted(found(keys));
    expect(await told(true)).toEqual(expected);
    const besides: readonly FindingKind[] = ['orphan', 'checkpoint-wrong'];
    expect(await told(false)).toEqual(cheap ? expected : expected.filter(([kind]) => besides.includes(kind)));
  });
});

it('every kind of finding is tested here', () => {
  const keys = { snapshot: ['', '', '', ''], changes: ['', '', '', ''], letters: '' };
  const tested = [...FILES, ...STATEMENTS].flatMap(({ found }) => found(keys).map(([kind]) => kind));
  expect([...new Set(tested)].sort()).toEqual(Object.keys(FINDING_KINDS).sort());
});

it('advice and severity come with each', async () => {
  await using stream = await SampleStream.whole();
  await rewrite(stream, CHECKPOINT, flip);
  const { whole, damages, findings } = await check(stream, false);
  expect({ whole, damages, findings }).toMatchObject({
    whole: false,
    damages: 1,
    findings: [{ severity: 'damage', advice: FINDING_KINDS['checkpoint-damaged'].advice }],
  });
});
