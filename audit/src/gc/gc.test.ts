import { mkdir, readdir, utimes, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { hasCode, WaybillError } from '@waybill/shared/base/errors';
import { writeCheckpoint } from '@waybill/shared/manifest/checkpoint';
import type { SegmentEntry } from '@waybill/shared/manifest/commit';
import {
  checkpointsPrefix,
  commitKey,
  identityKey,
  loadPrefix,
  segmentKey,
} from '@waybill/shared/manifest/keys';
import { readManifest } from '@waybill/shared/manifest/log';
import { sealJson } from '@waybill/shared/manifest/sealed-json';
import { ManifestWriter } from '@waybill/shared/manifest/writer';
import { SampleStream, STREAM } from '@waybill/test/support/audit/damaged-streams';
import { FaultyBucket } from '@waybill/test/support/bucket/faulty-bucket';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { runFsck } from '../fsck/fsck.ts';
import { newFsckStats } from '../fsck/stats.ts';
import { type GcReport, runGc } from './gc.ts';

const HOUR = 3_600_000;
const DAY = 24 * HOUR;

interface Options {
  readonly minAge?: number;
  readonly delete?: boolean;
  readonly bucket?: SampleStream['bucket'];
}

const collect = (stream: SampleStream, options: Options = {}): Promise<GcReport> => {
  const { minAge = 0, bucket = stream.bucket } = options;
  return runGc({ stream: STREAM, minAge, delete: options.delete ?? true }, { bucket });
};
const keys = ({ items }: GcReport): string[] => items.map(({ key }) => key);

/** Makes a file look as if it had been put that long ago. */
async function age(stream: SampleStream, key: string, ms: number): Promise<void> {
  const then = new Date(Date.now() - ms);
  await utimes(join(stream.folder, key), then, then);
}

/** A segment that was uploaded by the present owner and is not committed. */
async function orphan(stream: SampleStream, ageMs = 0): Promise<string> {
  const from = stream.writer.state.lastSequence + 1;
  const key = segmentKey(STREAM, (await stream.uploadChanges(10, { from })).key);
  await age(stream, key, ageMs);
  return key;
}

async function files(stream: SampleStream): Promise<string[]> {
  const names = await readdir(stream.folder, { recursive: true, withFileTypes: true });
  return names
    .filter((each) => each.isFile())
    .map((each) => join(each.parentPath, each.name))
    .sort();
}

async function expectWhole(stream: SampleStream): Promise<void> {
  const report = await runFsck(
    { stream: STREAM, deep: true },
    { bucket: stream.bucket, stats: newFsckStats() },
  );
  expect(report).toMatchObject({ whole: true, damages: 0 });
}

describe('a segment that no commit names', () => {
  it('is told of in a dry run, which changes nothing', async () => {
    await using stream = await SampleStream.whole();
    const key = await orphan(stream, 8 * DAY);
    const before = await files(stream);
    const report = await collect(stream, { minAge: 7 * DAY, delete: false });
    expect(report).toMatchObject({ deleted: false, count: 1, unfinishedUploads: null, kept: { young: 0 } });
    expect(report.items).toMatchObject([{ kind: 'segment', key }]);
    expect(report.items[0]!.ageSeconds / 86_400).toBeCloseTo(8, 2);
    expect(report.bytes).toBe(report.items[0]!.bytes);
    expect(await files(stream)).toEqual(before);
  });

  it('is deleted, and nothing else', async () => {
    await using stream = await SampleStream.whole();
    const before = await files(stream);
    const key = await orphan(stream, 8 * DAY);
    expect(keys(await collect(stream, { minAge: 7 * DAY }))).toEqual([key]);
    expect(await files(stream)).toEqual(before);
    await expectWhole(stream);
    expect(await collect(stream, { minAge: 7 * DAY })).toMatchObject({ count: 0 });
  });

  it('stays while it is younger than was asked for', async () => {
    await using stream = await SampleStream.whole();
    await orphan(stream, 6 * DAY);
    const report = await collect(stream, { minAge: 7 * DAY });
    expect(report).toMatchObject({ count: 0, kept: { young: 1, foreign: 0 } });
    expect(report.kept.youngBytes).toBeGreaterThan(0);
  });

  it('of an owner who may yet commit it stays for an hour, whatever is asked for', async () => {
    await using stream = await SampleStream.whole();
    const [young, old] = [await orphan(stream, HOUR - 60_000), await orphan(stream, HOUR + 60_000)];
    const report = await collect(stream);
    expect(keys(report)).toEqual([old]);
    expect(report.kept.young).toBe(1);
    expect(await stream.bucket.head(young)).not.toBeNull();
  });

  it('of a fenced owner goes as soon as it is asked for', async () => {
    await using stream = await SampleStream.whole();
    const key = await orphan(stream);
    await stream.restart();
    expect(keys(await collect(stream, { minAge: HOUR }))).toEqual([]);
    expect(keys(await collect(stream))).toEqual([key]);
  });

  it('of an owner whom no fence holds off stays for an hour too', async () => {
    await using stream = await SampleStream.whole();
    await orphan(stream);
    await ManifestWriter.acquire({ bucket: stream.bucket, prefix: STREAM, writer: 'capture-2 (unfenced)' });
    expect(await collect(stream)).toMatchObject({ count: 0, kept: { young: 1 } });
  });

  it('is left alone where its name is not one of ours', async () => {
    await using stream = await SampleStream.whole();
    const path = stream.path('segments/notes.txt');
    await mkdir(dirname(path), { recursive: true });
    await writeFile(path, 'mine');
    await age(stream, `${STREAM}/segments/notes.txt`, 100 * DAY);
    expect(await collect(stream)).toMatchObject({ count: 0, kept: { young: 0, foreign: 1 } });
  });

  it('stays where it was committed after the list was made', async () => {
    await using stream = await SampleStream.whole();
    let entry: SegmentEntry | undefined = await stream.uploadChanges(10);
    const key = segmentKey(STREAM, entry.key);
    await age(stream, key, 8 * DAY);
    const other = segmentKey(STREAM, (await stream.uploadSnapshot(1, 9, 0, 5)).entry.key);
    await age(stream, other, 8 * DAY);
    let reads = 0;
    const bucket = new FaultyBucket(stream.bucket, async ({ operation, key: read, moment }) => {
      // The first look beyond the head ends the reading of the log, the second comes before the
      // deletion.
      if (operation !== 'get' || moment !== 'before' || !entry || read !== commitKey(STREAM, 11)) return;
      if (++reads < 2) return;
      const segments = [entry];
      entry = undefined;
      await stream.commit({ segments, lastSequence: 130 });
    });
    expect(keys(await collect(stream, { bucket }))).toEqual([other]);
    expect(entry).toBeUndefined();
    await expectWhole(stream);
  });
});

describe('the clock of this machine', () => {
  afterEach(() => void vi.useRealTimers());

  it('may be wrong by a month either way: ages are those of the store', async () => {
    await using stream = await SampleStream.whole();
    const [young, old] = [await orphan(stream, 2 * DAY), await orphan(stream, 8 * DAY)];
    for (const days of [-30, 30]) {
      vi.useFakeTimers({ toFake: ['Date'], now: Date.now() + days * DAY });
      const report = await collect(stream, { minAge: 7 * DAY, delete: false });
      vi.useRealTimers();
      expect(keys(report)).toEqual([old]);
    }
    expect(await stream.bucket.head(young)).not.toBeNull();
  });
});

describe('leftovers', () => {
  it('of probes go when they are old', async () => {
    await using stream = await SampleStream.whole();
    const uuid = '0f8fad5b-d9cb-469f-a165-70867728950e';
    const old = [`.waybill-probe-${uuid}-clock`, `.waybill-probe-${uuid}-race`];
    const foreign = ['.waybill-probe-mine.txt', `.waybill-probe-${uuid}-mine`, `probe-${uuid}`];
    for (const key of [...old, ...foreign, `.waybill-probe-${uuid}-once`]) {
      await stream.bucket.put(key, Buffer.from('x'));
    }
    for (const key of [...old, ...foreign]) await age(stream, key, 2 * HOUR);
    const report = await collect(stream);
    expect(keys(report)).toEqual(old);
    expect(report.items.every(({ kind }) => kind === 'probe')).toBe(true);
    for (const key of foreign) expect(await stream.bucket.head(key), key).not.toBeNull();
  });

  it('of a clock that was read: none', async () => {
    await using stream = await SampleStream.whole();
    const before = await files(stream);
    await collect(stream);
    expect(await files(stream)).toEqual(before);
  });

  it('are checkpoints beyond the three that a reader tries', async () => {
    await using stream = await SampleStream.whole();
    for (let round = 0; round < 4; round++) {
      await stream.changes(5);
      await writeCheckpoint(stream.bucket, STREAM, stream.writer.state);
    }
    const before = await readManifest(stream.bucket, STREAM);
    const report = await collect(stream, { minAge: 7 * DAY });
    expect(report.items.map(({ kind, key }) => [kind, Number(key.slice(-25, -5))])).toEqual([
      ['checkpoint', 10],
      ['checkpoint', 11],
    ]);
    const left = await Array.fromAsync(stream.bucket.list(checkpointsPrefix(STREAM)));
    expect(left).toHaveLength(3);
    expect(await readManifest(stream.bucket, STREAM)).toEqual(before);
    await expectWhole(stream);
  });

  it('are looked for again after a passing failure', async () => {
    await using stream = await SampleStream.whole();
    for (let round = 0; round < 3; round++) {
      await stream.changes(5);
      await writeCheckpoint(stream.bucket, STREAM, stream.writer.state);
    }
    const failed = new Set<string>();
    const bucket = new FaultyBucket(stream.bucket, ({ operation, key, moment }) => {
      if (operation !== 'head' || moment !== 'before' || failed.has(key)) return;
      failed.add(key);
      throw new WaybillError('BUCKET_UNAVAILABLE', 'The store is busy.');
    });
    const report = await collect(stream, { minAge: 7 * DAY, bucket });
    expect(report.items).toMatchObject([{ kind: 'checkpoint' }]);
    expect(failed).toContain(keys(report)[0]);
  });

  it('of uploads that never ended go after a day', async () => {
    await using stream = await SampleStream.whole();
    const ours = (digit: string): string => `waybill-${digit.repeat(8)}-b465-4d09-9c30-0a0e5a0b3a52`;
    for (const [name, ms] of [
      [ours('a'), 23 * HOUR],
      [ours('b'), 25 * HOUR],
      ['0f8fad5b-d9cb-469f-a165-70867728950e', 25 * HOUR],
      ['notes.txt', 25 * HOUR],
    ] as const) {
      await mkdir(join(stream.folder, '.tmp'), { recursive: true });
      await writeFile(join(stream.folder, '.tmp', name), 'x');
      await age(stream, `.tmp/${name}`, ms);
    }
    expect(await collect(stream)).toMatchObject({ count: 0, unfinishedUploads: 1 });
    expect((await readdir(join(stream.folder, '.tmp'))).sort()).toEqual([
      '0f8fad5b-d9cb-469f-a165-70867728950e',
      'notes.txt',
      ours('a'),
    ]);
  });
});

describe('a manifest that is not whole', () => {
  const remove = (key: string) => (stream: SampleStream) =>
    stream.rewrite(join(stream.folder, key), () => null);
  const cut = (key: string) => (stream: SampleStream) =>
    stream.rewrite(join(stream.folder, key), (bytes) => bytes.subarray(0, -3));
  const load = loadPrefix(STREAM, 'staging');

  it.each<[string, (stream: SampleStream) => Promise<void>]>([
    ['a commit cut short', cut(commitKey(STREAM, 5))],
    ['a commit gone', remove(commitKey(STREAM, 5))],
    ['a commit that was changed', (stream) => stream.amend(5, () => ({ at: '2020-01-01T00:00:00Z' }), false)],
    ['its end gone, and a checkpoint of it there', remove(commitKey(STREAM, 10))],
    [
      'its end gone, and a load that had it there',
      async (stream) => {
        await remove(commitKey(STREAM, 10))(stream);
        await stream.bucket.delete(`${checkpointsPrefix(STREAM)}00000000000000000010.json`);
      },
    ],
    [
      'all commits gone',
      async (stream) => {
        for (let seq = 1; seq <= 10; seq++) await remove(commitKey(STREAM, seq))(stream);
      },
    ],
    ['stream.json cut short', cut(identityKey(STREAM))],
    ['a load’s commit cut short', cut(commitKey(load, 1))],
    ['a load’s first commit gone', remove(commitKey(load, 1))],
  ])('(%s) ends it, and nothing is deleted', async (_what, spoil) => {
    await using stream = await SampleStream.whole();
    await orphan(stream, 100 * DAY);
    await spoil(stream);
    const before = await files(stream);
    await expect(collect(stream)).rejects.toMatchObject({
      code: 'MANIFEST_CORRUPT',
      hint: expect.stringContaining('waybill fsck'),
    });
    expect(await files(stream)).toEqual(before);
  });

  it('of a later version ends it too', async () => {
    await using stream = await SampleStream.whole();
    await orphan(stream, 100 * DAY);
    const commit = { ...(await stream.stored(10)), features: ['time-travel'] };
    await stream.rewrite(join(stream.folder, commitKey(STREAM, 10)), () => sealJson(commit));
    await expect(collect(stream)).rejects.toSatisfy((error) => hasCode(error, 'FORMAT_UNSUPPORTED'));
  });

  it('that turns up while it is at work stops it', async () => {
    await using stream = await SampleStream.whole();
    const key = await orphan(stream, 100 * DAY);
    let reads = 0;
    const bucket = new FaultyBucket(stream.bucket, async ({ operation, key: read, moment }) => {
      if (operation !== 'get' || moment !== 'before' || read !== commitKey(STREAM, 11)) return;
      if (++reads === 2) await stream.bucket.put(read, Buffer.from('{}'));
    });
    await expect(collect(stream, { bucket })).rejects.toSatisfy((error) =>
      hasCode(error, 'MANIFEST_CORRUPT'),
    );
    expect(await stream.bucket.head(key)).not.toBeNull();
  });
});
