import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type BucketCall, FaultyBucket } from '@waybill/test/support/bucket/faulty-bucket';
import { sampleBody, sampleMilestone, samplePosition } from '@waybill/test/support/manifest/samples';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { hasCode, WaybillError } from '../base/errors.ts';
import { abortable } from '../base/lifecycle.ts';
import type { Bucket } from '../bucket/bucket.ts';
import { openFolder } from '../bucket/folder/folder.ts';
import { nextCommit } from './append.ts';
import { commitKey } from './keys.ts';
import { readCommits, readManifest } from './log.ts';
import { appendNote } from './note.ts';
import { ManifestWriter } from './writer.ts';

const P = 'default';
const QUICK = { initialMs: 1, maxMs: 2, factor: 2, jitter: 0, maxAttempts: 4, maxElapsedMs: 10_000 };
let folder: string;
let bucket: Bucket;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'waybill-writer-'));
  bucket = await openFolder(folder);
});
afterEach(() => rm(folder, { recursive: true }));

const acquire = (writer: string, over: Bucket = bucket): Promise<ManifestWriter> =>
  ManifestWriter.acquire({ bucket: over, prefix: P, writer, retryPolicy: QUICK });
const fenced = (error: unknown): boolean => hasCode(error, 'MANIFEST_FENCED');
const unavailable = (): WaybillError => new WaybillError('BUCKET_UNAVAILABLE', 'no answer');

async function attempts(): Promise<string[]> {
  const found: string[] = [];
  for await (const { commit } of readCommits(bucket, P)) found.push(commit.attempt);
  return found;
}

describe('owning', () => {
  test('signs what it commits without a fence', async () => {
    bucket.unfenced = true;
    const writer = await acquire('a');
    await writer.commit(sampleBody);
    await appendNote(bucket, P, [sampleMilestone('writes-stopped')], { writer: 'operator' });
    const writers: string[] = [];
    for await (const { commit } of readCommits(bucket, P)) writers.push(commit.writer);
    expect(writers).toEqual(['a (unfenced)', 'a (unfenced)', 'operator (unfenced)']);
  });

  test('begins with an epoch of its own, and the body goes with it', async () => {
    const first = await acquire('a');
    expect(first.state).toMatchObject({ seq: 1, epoch: 1, writer: 'a' });
    const second = await ManifestWriter.acquire({
      bucket,
      prefix: P,
      writer: 'b',
      body: (state) => ({ milestones: [sampleMilestone(state.epoch === 1 ? 'capture-started' : 'aborted')] }),
    });
    expect(second.epoch).toBe(2);
    expect(second.state.milestones.map(({ name }) => name)).toEqual(['capture-started']);
  });

  test('ends for good when a higher epoch shows up, at a commit or a poll', async () => {
    const [a, b] = [await acquire('a'), await acquire('b')];
    await expect(a.commit({})).rejects.toSatisfy(fenced);
    await expect(a.commit({})).rejects.toSatisfy(fenced);
    await expect(a.poll()).rejects.toSatisfy(fenced);
    await acquire('c');
    await expect(b.poll()).rejects.toSatisfy(
      (error) => fenced(error) && (error as Error).message.includes('c took'),
    );
    expect((await readManifest(bucket, P)).seq).toBe(3);
  });

  test('commits queue up and keep their order', async () => {
    const writer = await acquire('a');
    await Promise.all(
      Array.from({ length: 50 }, (_, i) => writer.commit({ position: samplePosition(i + 1) })),
    );
    const seconds: (string | undefined)[] = [];
    for await (const { commit } of readCommits(bucket, P)) seconds.push(commit.position?.clusterTime);
    expect(seconds.slice(1)).toEqual(Array.from({ length: 50 }, (_, i) => samplePosition(i + 1).clusterTime));
  });

  test('a body that does not fit is refused before it is written, and the writer goes on', async () => {
    const writer = await acquire('a');
    await writer.commit(sampleBody);
    await expect(writer.commit({ position: samplePosition(1) })).rejects.toSatisfy((e) =>
      hasCode(e, 'INTERNAL'),
    );
    await expect(writer.commit({ lastSequence: 1.5 })).rejects.toSatisfy((e) => hasCode(e, 'INTERNAL'));
    await writer.commit({ position: samplePosition(101) });
    expect((await readManifest(bucket, P)).seq).toBe(3);
  });

  test('an abort before the put leaves the writer usable', async () => {
    const writer = await acquire('a');
    const signal = AbortSignal.abort(new WaybillError('INTERRUPTED', 'enough'));
    await expect(writer.commit({}, signal)).rejects.toSatisfy((e) => hasCode(e, 'INTERRUPTED'));
    await writer.commit({});
    expect(writer.state.seq).toBe(2);
  });
});

describe('two writers', () => {
  test('racing for 200 rounds: one winner a number, and the one with the lower epoch is fenced', {
    timeout: 60_000,
  }, async () => {
    let previous = 0;
    for (let round = 0; round < 200; round++) {
      const outcomes = await Promise.all(
        [`a${round}`, `b${round}`].map(async (name) => {
          const done: number[] = [];
          const writer = await acquire(name);
          try {
            for (let i = 0; i < 3; i++) done.push((await writer.commit({})).seq);
            return { writer, done, error: undefined };
          } catch (error) {
            return { writer, done, error };
          }
        }),
      );
      const all = outcomes.flatMap(({ done }) => done);
      expect(new Set(all).size, 'no number was won twice').toBe(all.length);
      const winner = outcomes.reduce((a, b) => (a.writer.epoch > b.writer.epoch ? a : b));
      const loser = outcomes.find((outcome) => outcome !== winner)!;
      expect(winner.error).toBeUndefined();
      expect(loser.writer.epoch).toBe(winner.writer.epoch - 1);
      // The lower epoch may have been through before the other one began.
      if (loser.error === undefined) expect(Math.max(...loser.done)).toBeLessThan(Math.min(...winner.done));
      else expect(loser.error).toSatisfy(fenced);
      await expect(loser.writer.commit({})).rejects.toSatisfy(fenced);
      await Promise.all(outcomes.map(({ writer }) => writer.close()));
      previous += all.length + 2;
    }
    expect((await readManifest(bucket, P)).seq).toBe(previous);
  });
});

describe('a put whose outcome is unknown', () => {
  /** Fails as told, by the number of the put that is under way. */
  function faulty(fault: (call: BucketCall, put: number) => void): Bucket {
    let puts = 0;
    return new FaultyBucket(bucket, (call) => {
      if (call.operation !== 'put' || !call.key.includes('/manifest/')) return;
      if (call.moment === 'before') puts++;
      fault(call, puts);
    });
  }

  test('that had succeeded is found to be the writer’s own', async () => {
    const over = faulty(({ moment }, put) => {
      if (moment === 'after' && put % 2 === 1) throw unavailable();
    });
    const writer = await acquire('a', over);
    const made: string[] = [];
    for (let i = 0; i < 10; i++)
      made.push((await writer.commit({ position: samplePosition(i + 1) })).attempt);
    expect((await attempts()).slice(1)).toEqual(made);
    expect(await readManifest(bucket, P)).toEqual(writer.state);
  });

  test('that had not happened is made again', async () => {
    const over = faulty(({ moment }, put) => {
      if (moment === 'before' && put % 3 !== 0) throw unavailable();
    });
    const writer = await acquire('a', over);
    for (let i = 0; i < 10; i++) await writer.commit({});
    expect(await readManifest(bucket, P)).toMatchObject({ seq: 11, epoch: 1 });
  });

  test('and that another took the number of in between, is lost to that one', async () => {
    let stolen = false;
    const writer = await acquire('a');
    const thief = writer.state;
    const over = new FaultyBucket(bucket, async ({ operation, key, moment }) => {
      if (operation !== 'put' || moment !== 'before' || key !== commitKey(P, 3) || stolen) return;
      stolen = true;
      await acquire('thief');
      throw unavailable();
    });
    const victim = await acquire('victim', over);
    await expect(victim.commit({})).rejects.toSatisfy(fenced);
    expect(thief.seq).toBe(1);
    expect(await readManifest(bucket, P)).toMatchObject({ seq: 3, epoch: 3, writer: 'thief' });
  });

  test('and stays so, ends the writer; a new one reads the truth', async () => {
    let failing = false;
    const over = faulty(({ moment }) => {
      if (failing && moment === 'after') throw unavailable();
    });
    const writer = await acquire('a', over);
    const dead = new FaultyBucket(over, ({ operation, key, moment }) => {
      if (failing && moment === 'before' && operation === 'get' && key === commitKey(P, 3))
        throw unavailable();
    });
    const second = await acquire('b', dead);
    failing = true;
    await expect(second.commit({ position: samplePosition(9) })).rejects.toSatisfy((e) =>
      hasCode(e, 'BUCKET_UNAVAILABLE'),
    );
    failing = false;
    await expect(second.commit({})).rejects.toSatisfy((e) => hasCode(e, 'BUCKET_UNAVAILABLE'));
    const third = await acquire('c');
    expect(third.state).toMatchObject({ seq: 4, position: samplePosition(9) });
    await expect(writer.commit({})).rejects.toSatisfy(fenced);
  });
});

describe('an operator’s note', () => {
  test('stands in a log that goes on under its owner, who gets to see it', async () => {
    const writer = await acquire('a');
    const note = await appendNote(bucket, P, [sampleMilestone('writes-stopped')], { writer: 'operator' });
    expect(note).toMatchObject({ seq: 2, epoch: 1, note: true });
    const made = await writer.commit({ position: samplePosition(5) });
    expect(made.seq).toBe(3);
    expect(writer.state).toMatchObject({ writer: 'a', epoch: 1 });
    expect((await writer.poll()).map(({ seq }) => seq)).toEqual([2]);
    expect(await writer.poll()).toEqual([]);
    await appendNote(bucket, P, [sampleMilestone('drained')], { writer: 'operator' });
    expect((await writer.poll()).map(({ milestones }) => milestones?.[0]?.name)).toEqual(['drained']);
    await acquire('b');
  });

  test('many of them racing an owner and each other all come through', async () => {
    const writer = await acquire('a');
    const notes = Array.from({ length: 8 }, (_, i) =>
      appendNote(bucket, P, [sampleMilestone('writes-stopped', i)], {
        writer: `operator ${i}`,
        retryPolicy: QUICK,
      }),
    );
    const commits = Array.from({ length: 40 }, (_, i) => writer.commit({ position: samplePosition(i + 1) }));
    const made = [...(await Promise.all(notes)), ...(await Promise.all(commits))];
    expect(new Set(made.map(({ seq }) => seq)).size).toBe(48);
    const state = await readManifest(bucket, P);
    expect(state).toMatchObject({ seq: 49, epoch: 1, writer: 'a' });
    expect(state.milestones).toHaveLength(8);
    expect(await writer.poll()).toHaveLength(8);
    expect(writer.state).toEqual(state);
  });

  test('needs a log', async () => {
    await expect(
      appendNote(bucket, P, [sampleMilestone('writes-stopped')], { writer: 'operator' }),
    ).rejects.toSatisfy((e) => hasCode(e, 'STREAM_MISSING'));
  });
});

test('a commit of the same epoch by another writer is corruption, not fencing', async () => {
  const writer = await acquire('a');
  const stray = nextCommit(writer.state, { epoch: 1, writer: 'stray', attempt: 'x' }, {});
  await bucket.put(commitKey(P, 2), stray.encoded, { ifAbsent: true });
  await expect(writer.commit({})).rejects.toSatisfy(
    (e) => hasCode(e, 'MANIFEST_CORRUPT') && (e as Error).message.includes('commit 2'),
  );
  await expect(readManifest(bucket, P)).rejects.toSatisfy((e) => hasCode(e, 'MANIFEST_CORRUPT'));
});

test('a checkpoint that cannot be written harms nothing', async () => {
  const over = new FaultyBucket(bucket, ({ operation, key }) => {
    if (operation === 'put' && key.includes('/checkpoints/')) throw unavailable();
  });
  const writer = await acquire('a', over);
  for (let i = 0; i < 120; i++) await writer.commit({});
  await writer.close();
  expect(await readManifest(bucket, P)).toEqual(writer.state);
});

test('a checkpoint under way ends by the signal of its commit, and the writer stays usable', async () => {
  const begun = Promise.withResolvers<void>();
  const put: Bucket['put'] = (key, body, options = {}) => {
    if (!key.includes('/checkpoints/')) return bucket.put(key, body, options);
    begun.resolve();
    return abortable(new Promise(() => undefined), options.signal);
  };
  const writer = await acquire('a', Object.assign(new FaultyBucket(bucket, () => undefined), { put }));
  const stop = new AbortController();
  for (let n = 2; n <= 100; n++) await writer.commit({}, stop.signal);
  await begun.promise;
  stop.abort(new WaybillError('INTERRUPTED', 'enough'));
  await writer.close();
  expect((await writer.commit({})).seq).toBe(101);
});
