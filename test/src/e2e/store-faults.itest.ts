/**
 * The bucket's contract holds over thousands of operations on a real store, whose connection breaks
 * in every way.
 */

import { Random } from '@waybill/demo/shop/random';
import { openBucket } from '@waybill/shared/bucket/open/open-bucket';
import { AWS, OTHER } from '@waybill/shared/bucket/s3/dialect';
import { openS3 } from '@waybill/shared/bucket/s3/open-s3';
import { expect, it } from 'vitest';
import { describeWithStores, suiteStore } from '../support/stores/available.ts';
import { BREAKING, FAULTS, type FaultRates } from '../support/stores/faults.ts';
import { Actor, expectKept, type Races } from '../support/stores/store-model.ts';
import { testSeed } from '../support/workload.ts';

const ACTORS = 8;
const OPERATIONS = 300;
const BIG_OBJECTS = 2;
const TIMEOUT_MS = 1000;

const RATES: FaultRates = { ...BREAKING, 'stale-missing': 0.2, 'stale-list': 0.2 };

for (const kind of ['s3', 'gcs'] as const) {
  await describeWithStores(`${kind} behind a connection that breaks`, [kind], () => {
    const store = suiteStore(kind);

    it('gives no wrong bytes, no second winner, and loses nothing', async () => {
      const seed = testSeed();
      await using proxy = await store().proxy({
        seed,
        rates: RATES,
        latencyMs: 30,
        silenceMs: 1.5 * TIMEOUT_MS,
      });
      const url = await store().newBucket();
      const races: Races = new Map();
      const at = { endpoint: proxy.endpoint, timeoutMs: TIMEOUT_MS };
      const buckets = await Promise.all(
        Array.from({ length: ACTORS }, (_, i) =>
          // The test's S3 server takes both kinds of checksums.
          kind === 's3' ? openS3(url, { store: at }, i % 2 ? AWS : OTHER) : openBucket(url, { store: at }),
        ),
      );
      const actors = buckets.map((bucket, i) => new Actor(bucket, new Random(seed + i), `actor-${i}`, races));
      await Promise.all(
        actors.map(async (actor) => {
          for (let n = 0; n < OPERATIONS; n++) {
            if (n % (OPERATIONS / BIG_OBJECTS) === 50) await actor.bigObject();
            else await actor.act();
          }
        }),
      );
      proxy.set({});
      const quiet = await openBucket(url, { store: { endpoint: store().endpoint } });
      await expectKept(quiet, actors, races);
      // Nobody writes any more, so unfinished uploads were given up.
      const abandoned = await quiet.removeUnfinished('', { olderThanMs: 0, isOurs: () => true });
      expect(await quiet.removeUnfinished('', { olderThanMs: 0, isOurs: () => true })).toBe(0);
      const results = [...races.values()].flat().map(({ result }) => result);
      const won = results.filter((result) => result === 'won').length;
      console.log(
        `${proxy.requests} requests, ${races.size} races, ${won} won, ${abandoned} uploads left over, ${JSON.stringify(proxy.counts)}`,
      );
      expect(FAULTS.filter((fault) => proxy.counts[fault] === 0)).toEqual([]);
      expect(won).toBeGreaterThan(races.size / 2);
      for (const bucket of [...buckets, quiet]) await bucket.close();
    });
  });
}
