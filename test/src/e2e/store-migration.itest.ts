/**
 * A source in use moves through S3 and through Google Cloud Storage, over a connection that breaks
 * all the time, while captures take the stream over from each other. The target ends the same, and
 * every commit is in the log.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { streamPrefix } from '@waybill/shared/manifest/keys';
import { readCommits } from '@waybill/shared/manifest/log';
import { expect, it } from 'vitest';
import { awaitUntil } from '../support/await-until.ts';
import { describeWithServer, uniqueName } from '../support/servers.ts';
import { suiteStore } from '../support/stores/available.ts';
import { BREAKING, FAULTS, type FaultRates } from '../support/stores/faults.ts';
import { storeBinary } from '../support/stores/programs.ts';
import type { RunningCommand } from '../support/waybill.ts';
import { createShop, startWorkload, testSeed } from '../support/workload.ts';
import { ending, Migration, said } from './migration.ts';

const ORDERS = 2000;
const RACES = 3;

const RATES: FaultRates = {
  ...BREAKING,
  'reset-in-request': 0.1,
  // Few: the probe rightly refuses a store that is often stale.
  'stale-missing': 0.03,
  'stale-list': 0.03,
};

for (const kind of ['s3', 'gcs'] as const) {
  await describeWithServer(
    `a migration through ${kind}`,
    (servers) => {
      const store = suiteStore(kind);

      it('ends with no difference, whatever breaks and whoever takes the stream over', async () => {
        const seed = testSeed();
        const database = uniqueName(`store_${kind}`);
        const { uri } = servers.source;
        await using proxy = await store().proxy({ seed, rates: RATES, latencyMs: 50, silenceMs: 1500 });
        await createShop({ uri, database, seed, orders: ORDERS });
        await using workload = await startWorkload({
          uri,
          database,
          seed,
          orders: ORDERS,
          writers: 2,
          ratePerSecond: 100,
        });
        await using migration = await Migration.create({
          servers,
          databases: [database],
          capture: ['--segment-size', '1MiB', '--chunk-size', '1MiB'],
          place: {
            url: await store().newBucket(),
            args: ['--bucket-endpoint', proxy.endpoint, '--bucket-timeout', '1s'],
            env: store().env,
            store: { endpoint: store().endpoint },
          },
        });
        let capture = migration.start('capture', '--take-over');
        for (let race = 0; race < RACES; race++) {
          const [owner, fenced] = await onlyOneGoesOn(capture, migration.start('capture', '--take-over'));
          expect(fenced).toContain('code: MANIFEST_FENCED');
          capture = owner;
        }
        const load = migration.start('load');
        await migration.reached('snapshot-completed', capture, load);
        await said(load, /snapshot applied/);
        await sleep(2000);
        const { operations } = await workload.stop();
        for (const side of [load, capture]) {
          side.kill('SIGTERM');
          const ended = await side.ended;
          expect(ended.exitCode, ending(ended)).toBe(0);
        }
        expect(await migration.finish()).toEqual([]);
        const fsck = await migration.run('fsck');
        expect(fsck.exitCode, ending(fsck)).toBe(0);
        proxy.set({});
        const log = await Array.fromAsync(readCommits(migration.bucket, streamPrefix('default')));
        const epochs = new Set(log.map(({ commit }) => commit.epoch)).size;
        console.log(
          `${operations} operations, ${log.length} commits, ${epochs} epochs, ${proxy.requests} requests, ${JSON.stringify(proxy.counts)}`,
        );
        expect(epochs).toBeGreaterThan(RACES);
        // Whether anything is read while it is young is a matter of chance.
        const sure = FAULTS.filter((fault) => !fault.startsWith('stale'));
        expect(sure.filter((fault) => proxy.counts[fault] === 0)).toEqual([]);
      });
    },
    { needs: [() => storeBinary(kind)] },
  );
}

/** Of two captures the one that goes on, and what the other said when it ended. */
async function onlyOneGoesOn(one: RunningCommand, other: RunningCommand): Promise<[RunningCommand, string]> {
  const both = [one, other];
  const ended = await awaitUntil('one of two captures ends', () => both.find(({ isRunning }) => !isRunning));
  const { exitCode, stderr } = await ended.ended;
  expect(exitCode, stderr).toBe(4);
  return [ended === one ? other : one, stderr];
}
