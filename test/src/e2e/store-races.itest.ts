/**
 * Two owners of one log on a real store: never two winners of a number, and never a lost commit.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { Random } from '@waybill/demo/shop/random';
import { hasCode } from '@waybill/shared/base/errors';
import type { Bucket } from '@waybill/shared/bucket/bucket';
import { openBucket } from '@waybill/shared/bucket/open/open-bucket';
import type { Commit } from '@waybill/shared/manifest/commit';
import { readCommits, readManifest } from '@waybill/shared/manifest/log';
import { ManifestWriter } from '@waybill/shared/manifest/writer';
import { expect, it } from 'vitest';
import { describeWithStores, suiteStore } from '../support/stores/available.ts';
import type { FaultRates } from '../support/stores/faults.ts';
import { testSeed } from '../support/workload.ts';

const ROUNDS = 100;
/** Most of a round is waiting. */
const ROUNDS_AT_ONCE = 10;
/** Of the one that goes on, after the other was fenced. */
const LAST_COMMITS = 3;

/** What decides a race: answers that are lost, late, or say nothing. */
const RATES: FaultRates = {
  latency: 0.2,
  'reset-before': 0.02,
  'reset-in-answer': 0.03,
  'lost-answer': 0.04,
  'error-500': 0.01,
  'stale-missing': 0.1,
  'stale-list': 0.1,
};

for (const kind of ['s3', 'gcs'] as const) {
  await describeWithStores(`two owners of one log on ${kind}`, [kind], () => {
    const store = suiteStore(kind);

    it(`leave one winner of every number and lose no commit, ${ROUNDS} rounds`, async () => {
      const seed = testSeed();
      const random = new Random(seed);
      await using proxy = await store().proxy({ seed, latencyMs: 15, silenceMs: 60 });
      proxy.set(RATES);
      const url = await store().newBucket();
      const quiet = await openBucket(url, { store: { endpoint: store().endpoint } });
      let commits = 0;
      const play = async (round: number): Promise<void> => {
        // Every other round has a connection that breaks.
        const at = { endpoint: round % 2 ? proxy.endpoint : store().endpoint };
        const buckets = await Promise.all([openBucket(url, { store: at }), openBucket(url, { store: at })]);
        const prefix = `round-${round}`;
        const race: Race = { isDecided: false };
        const runs = await Promise.all(
          buckets.map((bucket, i) => own(bucket, prefix, `owner-${i}`, race, random)),
        );
        for (const bucket of buckets) await bucket.close();
        const made = runs.flatMap((run) => run.made);
        commits += made.length;
        expect(runs.filter(({ fenced }) => fenced)).toHaveLength(1);
        await expectOneLog(quiet, prefix, made);
      };
      let next = 0;
      const lane = async (): Promise<void> => {
        while (next < ROUNDS) await play(next++);
      };
      await Promise.all(Array.from({ length: ROUNDS_AT_ONCE }, lane));
      console.log(`${commits} commits, ${JSON.stringify(proxy.counts)}`);
      await quiet.close();
    });
  });
}

interface Race {
  isDecided: boolean;
}

interface Run {
  /** What the owner was told that it had made. */
  readonly made: readonly Commit[];
  readonly fenced: boolean;
}

/** Takes the log over and commits until it is fenced, or until the other one is. */
async function own(bucket: Bucket, prefix: string, name: string, race: Race, random: Random): Promise<Run> {
  const made: Commit[] = [];
  const writer = await ManifestWriter.acquire({ bucket, prefix, writer: name });
  try {
    for (let left = LAST_COMMITS; left > 0; ) {
      made.push(await writer.commit({ lastSequence: writer.state.lastSequence + 1 }));
      if (race.isDecided) left -= 1;
      // No capture commits without a pause; with none the other one would take long to come to the
      // head of the log.
      await sleep(10 + random.int(30));
    }
    return { made, fenced: false };
  } catch (error) {
    if (!hasCode(error, 'MANIFEST_FENCED')) throw error;
    race.isDecided = true;
    return { made, fenced: true };
  } finally {
    await writer.close();
  }
}

/**
 * The log holds every commit that was reported, once and unchanged, and its owners one after the
 * other.
 */
async function expectOneLog(bucket: Bucket, prefix: string, made: readonly Commit[]): Promise<void> {
  const log = (await Array.fromAsync(readCommits(bucket, prefix))).map(({ commit }) => commit);
  expect(log.map(({ seq }) => seq)).toEqual(log.map((_, i) => i + 1));
  expect((await readManifest(bucket, prefix)).seq).toBe(log.length);
  for (const commit of made) expect(log[commit.seq - 1]).toEqual(commit);
  expect(new Set(made.map(({ seq }) => seq)).size).toBe(made.length);
  const epochs = log.map(({ epoch }) => epoch);
  expect(epochs).toEqual([...epochs].sort((a, b) => a - b));
  for (const epoch of new Set(epochs)) {
    expect(new Set(log.filter((commit) => commit.epoch === epoch).map(({ writer }) => writer)).size).toBe(1);
  }
}
