import { join } from 'node:path';
import { hasCode, WaybillError } from '@waybill/shared/base/errors';
import type { Bucket } from '@waybill/shared/bucket/bucket';
import { commitKey } from '@waybill/shared/manifest/keys';
import { SampleStream, STREAM } from '@waybill/test/support/audit/damaged-streams';
import { FaultyBucket } from '@waybill/test/support/bucket/faulty-bucket';
import { describe, expect, it } from 'vitest';
import { type FsckReport, runFsck } from './fsck.ts';
import { newFsckStats } from './stats.ts';

const check = (stream: SampleStream, deep = true): Promise<FsckReport> =>
  runFsck({ stream: STREAM, deep }, { bucket: stream.bucket, stats: newFsckStats() });

describe('a whole stream', () => {
  it.each(['avro', 'jsonl'] as const)('has no findings, and all of it was read (%s)', async (format) => {
    await using stream = await SampleStream.whole(format);
    const report = await check(stream);
    expect(report.findings).toEqual([]);
    expect(report).toMatchObject({
      whole: true,
      lastSequence: 120,
      decodedRecords: 210,
      segments: { count: 6, records: 210 },
      orphans: { count: 0 },
      logs: [
        { log: STREAM, commits: 10, epoch: 1 },
        { log: `${STREAM}/loads/staging`, commits: 3, epoch: 1 },
      ],
    });
    expect(await check(stream, false)).toMatchObject({ whole: true, decodedRecords: 0, findings: [] });
  });

  it('may be one without a commit yet', async () => {
    await using stream = await SampleStream.create();
    await stream.rewrite(join(stream.folder, commitKey(STREAM, 1)), () => null);
    expect(await check(stream)).toMatchObject({ whole: true, logs: [{ commits: 0 }] });
  });

  it('that is not there is no stream', async () => {
    await using stream = await SampleStream.create();
    const checking = runFsck(
      { stream: 'other', deep: true },
      { bucket: stream.bucket, stats: newFsckStats() },
    );
    await expect(checking).rejects.toSatisfy((error) => hasCode(error, 'STREAM_MISSING'));
  });
});

describe('while a capture goes on', () => {
  it('what is committed after the head was looked at is neither damage nor an orphan', async () => {
    await using stream = await SampleStream.whole();
    let isFirst = true;
    const bucket = new FaultyBucket(stream.bucket, async ({ operation, key, moment }) => {
      // The head is known by the time that the first commit is read.
      if (!isFirst || operation !== 'get' || moment !== 'before' || !key.startsWith(`${STREAM}/manifest/`))
        return;
      isFirst = false;
      await stream.changes(10);
    });
    const report = await runFsck({ stream: STREAM, deep: true }, { bucket, stats: newFsckStats() });
    expect(isFirst).toBe(false);
    expect(report).toMatchObject({ whole: true, lastSequence: 120, findings: [] });
    expect(await check(stream)).toMatchObject({ whole: true, lastSequence: 130, findings: [] });
  });

  it('what is uploaded and not committed is an orphan, and no damage', async () => {
    await using stream = await SampleStream.whole();
    const { key, bytes } = await stream.uploadChanges(10);
    const report = await check(stream);
    expect(report).toMatchObject({ whole: true, damages: 0, orphans: { count: 1, bytes } });
    expect(report.findings).toMatchObject([{ kind: 'orphan', key: `${STREAM}/${key}`, severity: 'note' }]);
  });
});

it('stops at a signal', async () => {
  await using stream = await SampleStream.whole();
  const signal = AbortSignal.abort(new WaybillError('INTERRUPTED', 'enough'));
  const checking = runFsck(
    { stream: STREAM, deep: true },
    { bucket: stream.bucket, stats: newFsckStats(), signal },
  );
  await expect(checking).rejects.toSatisfy((error) => hasCode(error, 'INTERRUPTED'));
});

it('a store that fails is not taken for damage', async () => {
  await using stream = await SampleStream.whole();
  const bucket = new FaultyBucket(stream.bucket, ({ operation, key }) => {
    if (operation === 'get' && key.includes('/segments/changes/')) {
      throw new WaybillError('BUCKET_ACCESS_DENIED', 'no');
    }
  });
  const checking = runFsck({ stream: STREAM, deep: true }, { bucket, stats: newFsckStats() });
  await expect(checking).rejects.toSatisfy((error) => hasCode(error, 'BUCKET_ACCESS_DENIED'));
});

it('what a store does not show at the first look is looked for again', async () => {
  await using stream = await SampleStream.whole();
  const seen = new Set<string>();
  const bucket = new FaultyBucket(stream.bucket, ({ operation, key, moment }) => {
    if (operation !== 'get' || moment !== 'before' || seen.has(key)) return;
    seen.add(key);
    throw new WaybillError('BUCKET_OBJECT_MISSING', `There is no object ${key}.`);
  });
  const report = await runFsck({ stream: STREAM, deep: true }, { bucket, stats: newFsckStats() });
  expect(seen.size).toBeGreaterThan(15);
  expect(report).toMatchObject({ whole: true, findings: [], lastSequence: 120, decodedRecords: 210 });
});

describe('a segment that comes damaged', () => {
  /** So many reads of each segment bring a flipped bit. */
  function damaging(stream: SampleStream, reads: number): Bucket {
    const seen = new Map<string, number>();
    const get: Bucket['get'] = async (key, options) => {
      const bytes = await stream.bucket.get(key, options);
      const before = seen.get(key) ?? 0;
      if (!key.includes('/segments/') || before >= reads) return bytes;
      seen.set(key, before + 1);
      bytes[bytes.length >> 1]! ^= 1;
      return bytes;
    };
    const inner = new FaultyBucket(stream.bucket, () => undefined);
    return Object.assign(inner, { get });
  }

  it.each([
    [1, []],
    [2, Array(6).fill('segment-altered')],
  ])('%i times', async (reads, kinds) => {
    await using stream = await SampleStream.whole();
    const retries: unknown[] = [];
    const onRetry = (error: unknown): void => void retries.push(error);
    const report = await runFsck(
      { stream: STREAM, deep: true },
      { bucket: damaging(stream, reads), stats: newFsckStats(), onRetry },
    );
    expect(report.findings.map(({ kind }) => kind)).toEqual(kinds);
    expect(retries.filter((error) => hasCode(error, 'SEGMENT_CORRUPT'))).toHaveLength(6);
  });
});
