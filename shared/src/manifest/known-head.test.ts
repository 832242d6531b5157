/** A log in a bucket that goes away, comes back, or comes back as it was before. */
import { cp, mkdir, mkdtemp, readdir, rename, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { FaultyBucket } from '@waybill/test/support/bucket/faulty-bucket';
import { followManifest } from '@waybill/test/support/manifest/follow';
import { sampleIdentity, sampleMilestone, samplePosition } from '@waybill/test/support/manifest/samples';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { hasCode } from '../base/errors.ts';
import { interrupted } from '../base/lifecycle.ts';
import type { Bucket } from '../bucket/bucket.ts';
import { openFolder } from '../bucket/folder/folder.ts';
import { createStream, readStream } from './identity.ts';
import { commitKey, identityKey } from './keys.ts';
import { readManifest } from './log.ts';
import { appendNote } from './note.ts';
import { ManifestWriter } from './writer.ts';

const P = 'default';
const QUICK = { initialMs: 1, maxMs: 5, factor: 2, jitter: 0, maxAttempts: 4, maxElapsedMs: 10_000 };
const PATIENT = { ...QUICK, maxAttempts: 10_000, maxElapsedMs: 60_000 };
let base: string;
let folder: string;
let bucket: Bucket;
beforeEach(async () => {
  base = await mkdtemp(join(tmpdir(), 'waybill-head-'));
  folder = join(base, 'bucket');
  bucket = await openFolder(folder);
});
afterEach(() => rm(base, { recursive: true }));

async function writeLog(commits: number, retryPolicy = QUICK): Promise<ManifestWriter> {
  const writer = await ManifestWriter.acquire({ bucket, prefix: P, writer: 'w', retryPolicy });
  for (let seq = 2; seq <= commits; seq++) await writer.commit({ position: samplePosition(seq) });
  return writer;
}
const gone = (error: unknown): boolean => hasCode(error, 'BUCKET_UNAVAILABLE');
const path = (seq: number): string => join(folder, commitKey(P, seq));

describe('a writer', () => {
  test('commits nothing into the mount point of a bucket that is away, and goes on when it is back', async () => {
    const writer = await writeLog(8, PATIENT);
    await rename(folder, join(base, 'mounted'));
    await mkdir(folder);
    const committing = Promise.all(
      [9, 10, 11, 12].map((seq) => writer.commit({ position: samplePosition(seq) })),
    );
    await new Promise((resolve) => setTimeout(resolve, 100));
    expect(await readdir(folder)).toEqual([]);
    await rm(folder, { recursive: true });
    await rename(join(base, 'mounted'), folder);
    await committing;
    expect(await readManifest(await openFolder(folder), P)).toEqual(writer.state);
    expect(writer.state.seq).toBe(12);
  });

  test('puts nothing behind the hole of a bucket that was put back under it', async () => {
    const writer = await writeLog(8);
    for (const seq of [6, 7, 8]) await rm(path(seq));
    await expect(writer.commit({ position: samplePosition(9) })).rejects.toSatisfy(gone);
    expect((await readManifest(bucket, P)).seq).toBe(5);
    // The next writer goes on from what there is.
    expect((await writeLog(1)).state.seq).toBe(6);
  });

  test('is told by another commit in the place of its last that the log is not its own any more', async () => {
    const writer = await writeLog(8);
    for (const seq of [6, 7, 8]) await rm(path(seq));
    const other = await writeLog(1);
    for (const _ of [7, 8]) await other.commit({});
    await expect(writer.commit({ position: samplePosition(9) })).rejects.toSatisfy((error) =>
      hasCode(error, 'MANIFEST_CORRUPT'),
    );
    expect((await readManifest(bucket, P)).seq).toBe(8);
  });

  test('of a note looks too', async () => {
    await writeLog(3);
    let reads = 0;
    const over = new FaultyBucket(bucket, async ({ operation, key, moment }) => {
      if (operation !== 'get' || moment !== 'before' || key !== commitKey(P, 3)) return;
      if (++reads === 2) await rename(path(3), join(base, 'kept'));
    });
    const options = { writer: 'operator', retryPolicy: QUICK };
    const noting = appendNote(over, P, [sampleMilestone('writes-stopped')], options);
    await expect(noting).rejects.toSatisfy(gone);
    expect(await readdir(join(folder, P, 'manifest'))).toHaveLength(2);
  });
});

test('a reader that waits for the next commit hears that the log is gone, put back, or another’s', async () => {
  await writeLog(8);
  await cp(path(8), join(base, 'eight'));
  for (const [spoil, code] of [
    [() => rm(path(8)), 'BUCKET_UNAVAILABLE'],
    [() => cp(path(7), path(8)), 'MANIFEST_CORRUPT'],
    [() => rename(folder, join(base, 'elsewhere')), 'BUCKET_UNAVAILABLE'],
  ] as const) {
    await cp(join(base, 'eight'), path(8));
    const limit = new AbortController();
    const timer = setTimeout(() => limit.abort(interrupted('it went on waiting')), 5000);
    let seq = 0;
    const options = { pollMs: 5, retryPolicy: QUICK, signal: limit.signal };
    const following = (async () => {
      for await (const { commit } of followManifest(bucket, P, options)) {
        seq = commit.seq;
        if (seq === 8) await spoil();
      }
    })();
    await expect(following, code).rejects.toMatchObject({ code });
    clearTimeout(timer);
    expect(seq).toBe(8);
  }
});

test('a log without its stream.json is no missing stream, over which a new one could be begun', async () => {
  await createStream(bucket, P, sampleIdentity);
  await writeLog(3);
  await rm(join(folder, identityKey(P)));
  await expect(readStream(bucket, P)).rejects.toSatisfy(
    (error) => hasCode(error, 'MANIFEST_CORRUPT') && error.message.includes('stream.json'),
  );
});
