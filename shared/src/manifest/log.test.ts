import { cp, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { FaultyBucket } from '@waybill/test/support/bucket/faulty-bucket';
import { type FollowOptions, followManifest } from '@waybill/test/support/manifest/follow';
import { sampleChanges, sampleIdentity, samplePosition } from '@waybill/test/support/manifest/samples';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { hasCode, WaybillError } from '../base/errors.ts';
import { interrupted } from '../base/lifecycle.ts';
import type { Bucket } from '../bucket/bucket.ts';
import { openFolder } from '../bucket/folder/folder.ts';
import { createStream, readStream } from './identity.ts';
import { checkpointKey, commitKey, identityKey } from './keys.ts';
import { readCommit, readCommits, readManifest } from './log.ts';
import { sealJson, unsealJson } from './sealed-json.ts';
import { ManifestWriter } from './writer.ts';

const P = 'default';
let folder: string;
let bucket: Bucket;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'waybill-log-'));
  bucket = await openFolder(folder);
});
afterEach(() => rm(folder, { recursive: true }));

const path = (seq: number): string => join(folder, commitKey(P, seq));

async function writeLog(commits: number): Promise<ManifestWriter> {
  const writer = await ManifestWriter.acquire({ bucket, prefix: P, writer: 'w' });
  for (let seq = 2; seq <= commits; seq++) await writer.commit({ position: samplePosition(seq) });
  await writer.close();
  return writer;
}

async function collect(after = 0): Promise<number[]> {
  const found: number[] = [];
  const start = after === 0 ? undefined : { seq: after, hash: (await readCommit(bucket, P, after))!.hash };
  for await (const { commit } of readCommits(bucket, P, { after: start })) found.push(commit.seq);
  return found;
}

describe('a cold start', () => {
  test('finds nothing where there is nothing', async () => {
    expect(await readManifest(bucket, P)).toMatchObject({ seq: 0, hash: null, epoch: 0 });
    expect(await readCommit(bucket, P, 1)).toBeNull();
    expect(await collect()).toEqual([]);
  });

  test('folds to what the writer has, from 1 and from the checkpoint, reading no commit twice', async () => {
    const writer = await writeLog(230);
    const gets: string[] = [];
    const watched = new FaultyBucket(bucket, ({ operation, key, moment }) => {
      if (operation === 'get' && moment === 'after') gets.push(key);
    });
    expect(await readManifest(watched, P)).toEqual(writer.state);
    expect(gets).toContain(checkpointKey(P, 200));
    expect(gets.filter((key) => key.includes('/manifest/')).sort()).toEqual(
      Array.from({ length: 31 }, (_, i) => commitKey(P, 200 + i)),
    );
    await rm(join(folder, P, 'checkpoints'), { recursive: true });
    expect(await readManifest(bucket, P)).toEqual(writer.state);
  });

  test('passes over a checkpoint that is damaged, newer, foreign, or not of this log', async () => {
    const writer = await writeLog(210);
    const at200 = join(folder, checkpointKey(P, 200));
    const good = await readFile(at200);
    const unsealed = unsealJson(good) as { value: Record<string, unknown> };
    for (const bad of [
      good.subarray(0, 100),
      Buffer.from('hello'),
      sealJson({ ...unsealed.value, formatVersion: 2 }),
      sealJson({ ...unsealed.value, hash: 'ab'.repeat(32), lastSequence: 999 }),
      await readFile(join(folder, checkpointKey(P, 100))),
    ]) {
      await writeFile(at200, bad);
      expect(await readManifest(bucket, P)).toEqual(writer.state);
    }
  });

  test('goes on where a log’s own log lies beside it, and ignores files that are no commits', async () => {
    const writer = await writeLog(3);
    await writeFile(join(folder, P, 'manifest', '.DS_Store'), 'x');
    await writeFile(join(folder, P, 'manifest', 'notes.txt'), 'x');
    await ManifestWriter.acquire({ bucket, prefix: `${P}/loads/l`, writer: 'l' });
    expect(await readManifest(bucket, P)).toEqual(writer.state);
    expect(await readManifest(bucket, `${P}/loads/l`)).toMatchObject({ seq: 1, epoch: 1 });
  });
});

describe('damage', () => {
  const corrupt = (seq: number) => (error: unknown) =>
    hasCode(error, 'MANIFEST_CORRUPT') && error.message.includes(`commit ${seq} `);

  async function expectCorrupt(seq: number): Promise<void> {
    await expect(readManifest(bucket, P)).rejects.toSatisfy(corrupt(seq));
    const before: number[] = [];
    await expect(
      (async () => {
        for await (const { commit } of readCommits(bucket, P)) before.push(commit.seq);
      })(),
    ).rejects.toSatisfy(corrupt(seq));
    expect(before, 'nothing of the damaged commit or after it').toEqual(
      Array.from({ length: seq - 1 }, (_, i) => i + 1),
    );
    await expect(ManifestWriter.acquire({ bucket, prefix: P, writer: 'x' })).rejects.toSatisfy(corrupt(seq));
  }

  test.each([1, 5, 12])('of commit %i: cut, flipped, emptied, foreign', async (seq) => {
    await writeLog(12);
    const good = await readFile(path(seq));
    const flipped = Buffer.from(good);
    flipped[40]! ^= 1;
    for (const bad of [
      good.subarray(0, -1),
      flipped,
      Buffer.alloc(0),
      Buffer.from('{"seq":5}\n'),
      Buffer.alloc(900),
    ]) {
      await writeFile(path(seq), bad);
      await expectCorrupt(seq);
    }
  });

  test('a commit of another stream, sealed and of the right number, does not chain', async () => {
    await writeLog(12);
    const other = await mkdtemp(join(tmpdir(), 'waybill-log-'));
    await cp(folder, other, { recursive: true });
    await rm(join(folder, P), { recursive: true });
    bucket = await openFolder(folder);
    await writeLog(12);
    for (const seq of [12, 5]) {
      await cp(join(other, commitKey(P, seq)), path(seq));
      await expectCorrupt(seq);
    }
    await rm(other, { recursive: true });
  });

  test('a commit with a wrong hash, sealed anew, does not chain', async () => {
    await writeLog(5);
    const { value } = unsealJson(await readFile(path(4))) as { value: Record<string, unknown> };
    await writeFile(path(4), sealJson({ ...value, previous: 'ab'.repeat(32) }));
    await expectCorrupt(4);
    await writeFile(path(4), sealJson({ ...value, at: '2026-01-01T00:00:00.000Z' }));
    await expectCorrupt(5);
  });

  test('a missing commit is a hole, and no writer fills it', { timeout: 30_000 }, async () => {
    await writeLog(30);
    for (const seq of [1, 13, 29]) {
      const kept = await readFile(path(seq));
      await rm(path(seq));
      const acquiring = ManifestWriter.acquire({ bucket, prefix: P, writer: 'x' });
      await Promise.all(
        [readManifest(bucket, P), acquiring].map((work) => expect(work).rejects.toSatisfy(corrupt(seq))),
      );
      await writeFile(path(seq), kept);
    }
    expect((await readManifest(bucket, P)).seq).toBe(30);
  });

  test('a commit that the store shows late is no hole', async () => {
    await writeLog(5);
    let looks = 0;
    const late = new FaultyBucket(bucket, ({ operation, key, moment }) => {
      if (operation !== 'get' || moment !== 'before' || key !== commitKey(P, 3)) return;
      looks += 1;
      if (looks < 4) throw new WaybillError('BUCKET_OBJECT_MISSING', 'not yet');
    });
    expect((await readManifest(late, P)).seq).toBe(5);
    expect(looks).toBeGreaterThanOrEqual(4);
    looks = 0;
    const beside = await ManifestWriter.acquire({ bucket: late, prefix: P, writer: 'x' });
    expect((await beside.commit({})).seq).toBe(7);
  });

  test('an unknown feature stops every reader and writer', async () => {
    await writeLog(3);
    const { value } = unsealJson(await readFile(path(3))) as { value: Record<string, unknown> };
    await writeFile(path(3), sealJson({ ...value, features: ['delta-trees'] }));
    const unsupported = (error: unknown): boolean =>
      hasCode(error, 'FORMAT_UNSUPPORTED') && error.message.includes('delta-trees');
    await expect(readManifest(bucket, P)).rejects.toSatisfy(unsupported);
    await expect(collect()).rejects.toSatisfy(unsupported);
    await expect(ManifestWriter.acquire({ bucket, prefix: P, writer: 'x' })).rejects.toSatisfy(unsupported);
  });
});

describe('following', () => {
  test('yields what is there and then what comes, until aborted, and each once', async () => {
    const writer = await writeLog(20);
    const controller = new AbortController();
    const found: number[] = [];
    const following = (async () => {
      for await (const { commit } of followManifest(bucket, P, { pollMs: 2, signal: controller.signal })) {
        found.push(commit.seq);
        if (commit.seq === 60) controller.abort(interrupted());
      }
    })();
    const ended = expect(following).rejects.toSatisfy((error) => hasCode(error, 'INTERRUPTED'));
    for (let seq = 21; seq <= 60; seq++) await writer.commit({ position: samplePosition(seq) });
    await ended;
    expect(found).toEqual(Array.from({ length: 60 }, (_, i) => i + 1));
    expect(await collect(55)).toEqual([56, 57, 58, 59, 60]);
  });

  test('checks its first commit against the point it starts from', async () => {
    await writeLog(5);
    const options: FollowOptions = { pollMs: 1, after: { seq: 3, hash: 'ab'.repeat(32) } };
    await expect(followManifest(bucket, P, options).next()).rejects.toSatisfy((error) =>
      hasCode(error, 'MANIFEST_CORRUPT'),
    );
  });

  test('sees all of a commit or none of it, while it is being written (INV-5)', async () => {
    const writer = await writeLog(1);
    const controller = new AbortController();
    let last = 0;
    const reading = (async () => {
      for await (const { commit } of followManifest(bucket, P, { pollMs: 0, signal: controller.signal })) {
        if (commit.seq === 1) continue;
        expect(commit.segments).toHaveLength(40);
        expect(commit.position).toEqual(samplePosition(commit.seq));
        expect(commit.lastSequence).toBe((commit.seq - 1) * 40);
        last = commit.seq;
        if (last === 80) controller.abort(interrupted());
      }
    })();
    const ended = expect(reading).rejects.toSatisfy((error) => hasCode(error, 'INTERRUPTED'));
    for (let seq = 2; seq <= 80; seq++) {
      const before = writer.state.lastSequence;
      const segments = Array.from({ length: 40 }, (_, i) => sampleChanges(before + i + 1, 1));
      await writer.commit({ segments, position: samplePosition(seq), lastSequence: before + 40 });
    }
    await ended;
    expect(last).toBe(80);
  });

  test('outlasts passing failures, and gives up on lasting ones', async () => {
    await writeLog(5);
    let failures = 3;
    const flaky = new FaultyBucket(bucket, ({ moment }) => {
      if (moment === 'before' && failures-- > 0)
        throw new WaybillError('BUCKET_UNAVAILABLE', 'a passing failure');
    });
    const retryPolicy = {
      initialMs: 1,
      maxMs: 1,
      factor: 1,
      jitter: 0,
      maxAttempts: 5,
      maxElapsedMs: 10_000,
    };
    const read = async (): Promise<number> => {
      let seq = 0;
      for await (const { commit } of readCommits(flaky, P, { retryPolicy })) seq = commit.seq;
      return seq;
    };
    expect(await read()).toBe(5);
    failures = 100;
    await expect(read()).rejects.toSatisfy((error) => hasCode(error, 'BUCKET_UNAVAILABLE'));
  });
});

describe('stream.json', () => {
  test('is created once; a second creation finds the first', async () => {
    await expect(readStream(bucket, P)).rejects.toSatisfy((error) => hasCode(error, 'STREAM_MISSING'));
    const created = await Promise.all([
      createStream(bucket, P, sampleIdentity),
      createStream(bucket, P, { ...sampleIdentity, lanes: 4 }),
    ]);
    expect(created[0]).toEqual(created[1]);
    expect(await readStream(bucket, P)).toEqual(created[0]);
    expect(await createStream(bucket, P, { ...sampleIdentity, source: 'other' })).toEqual(created[0]);
  });

  test('damaged, is named', async () => {
    await createStream(bucket, P, sampleIdentity);
    const file = join(folder, identityKey(P));
    await writeFile(file, (await readFile(file)).subarray(1));
    await expect(readStream(bucket, P)).rejects.toSatisfy(
      (error) => hasCode(error, 'MANIFEST_CORRUPT') && error.message.includes('stream.json'),
    );
  });
});
