/**
 * Stops while the store is away, refusing or silent. What can't be committed is given up soon, the
 * exit code says that this was a stop, and the next start captures again what was given up.
 */

import { randomBytes } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { testClient } from '../support/raw.ts';
import { describeWithServer, uniqueName } from '../support/servers.ts';
import { Cable, type CableState } from '../support/stores/cable.ts';
import type { StoreKind } from '../support/stores/programs.ts';
import { storeBinary } from '../support/stores/programs.ts';
import { startTestStore, type TestStore } from '../support/stores/test-store.ts';
import type { RunningCommand } from '../support/waybill.ts';
import { ending, Migration, said } from './migration.ts';

const KIB = 1 << 10;
/** From SIGTERM to the end of the process, at most. */
const SOON_MS = 15_000;
/** A stop does the same for every store. Only the way to abort a call differs. */
const CASES = [
  { kind: 's3', following: ['refused', 'silent'], reading: ['silent'] },
  { kind: 'gcs', following: ['silent'], reading: ['refused'] },
] as const satisfies readonly {
  readonly kind: StoreKind;
  readonly following: readonly CableState[];
  readonly reading: readonly CableState[];
}[];

interface Numbered {
  readonly _id: number;
  readonly noise?: Buffer;
}

for (const { kind, following, reading } of CASES) {
  await describeWithServer(
    `a stop while ${kind} is away`,
    (servers) => {
      let store: TestStore;
      beforeAll(async () => {
        store = await startTestStore(kind);
      });
      afterAll(() => store[Symbol.asyncDispose]());

      async function moving(
        cable: Cable,
        database: string,
        capture: readonly string[] = [],
      ): Promise<Migration> {
        const place = {
          url: await store.newBucket(),
          args: ['--bucket-endpoint', cable.endpoint],
          env: store.env,
          store: { endpoint: store.endpoint },
        };
        return Migration.create({ servers, databases: [database], capture, place });
      }

      async function insert(database: string, from: number, count: number, noise = 0): Promise<void> {
        await using client = await testClient(servers.source.uri);
        const documents = Array.from({ length: count }, (_, n) => ({
          _id: from + n,
          ...(noise > 0 && { noise: randomBytes(noise) }),
        }));
        await client.client.db(database).collection<Numbered>('orders').insertMany(documents);
      }

      it.concurrent.each(following)('(%s) of what follows the source', { timeout: 120_000 }, async (away) => {
        await using cable = await Cable.start(store.endpoint);
        const database = uniqueName(`away_${kind}`);
        await insert(database, 0, 1000);
        await using migration = await moving(cable, database);
        const capture = migration.start('capture');
        await said(capture, /milestone=caught-up/);
        const load = migration.start('load');
        await said(load, /milestone=caught-up/);
        await cable.set(away);
        await insert(database, 1000, 1000);
        await sleep(3000);
        await stopped([capture, load], `${kind} ${away}, changes`);
        expect(capture.stderr).toMatch(/reads again.*seconds=\d/);
        await cable.set('whole');
        expect(await migration.finish()).toEqual([]);
      });

      it.concurrent.each(reading)('(%s) of a snapshot', { timeout: 120_000 }, async (away) => {
        await using cable = await Cable.start(store.endpoint);
        const database = uniqueName(`away_${kind}`);
        await insert(database, 0, 600, 64 * KIB);
        // Some parts of a segment are in the store, others are on their way.
        await using migration = await moving(cable, database, ['--max-read-rate', '8MiB']);
        const capture = migration.start('capture');
        await said(capture, /snapshot-started/);
        await sleep(2500);
        await cable.set(away);
        await sleep(1500);
        await stopped([capture], `${kind} ${away}, snapshot`);
        await cable.set('whole');
        expect(await migration.finish()).toEqual([]);
      });

      if (kind === 's3')
        it('is not asked for: a snapshot waits for its store and goes on', { timeout: 120_000 }, async () => {
          await using cable = await Cable.start(store.endpoint);
          const database = uniqueName(`away_${kind}`);
          await insert(database, 0, 600, 64 * KIB);
          await using migration = await moving(cable, database, ['--max-read-rate', '8MiB']);
          const capture = migration.start('capture');
          await said(capture, /snapshot-started/);
          await sleep(2500);
          await cable.set('refused');
          await said(capture, /failed; trying again/);
          await cable.set('whole');
          await said(capture, /milestone=snapshot-completed/);
          capture.kill('SIGTERM');
          expect((await capture.ended).exitCode).toBe(0);
          expect(await migration.finish()).toEqual([]);
        });

      if (kind === 's3')
        it('of both in one process', { timeout: 120_000 }, async () => {
          await using cable = await Cable.start(store.endpoint);
          const database = uniqueName(`away_${kind}`);
          await insert(database, 0, 100);
          await using migration = await moving(cable, database);
          const both = migration.start('run');
          await said(both, /component=load.*milestone=caught-up/);
          await cable.set('silent');
          await insert(database, 100, 100);
          await sleep(2000);
          await stopped([both], `${kind} silent, run`);
          await cable.set('whole');
          expect(await migration.finish()).toEqual([]);
        });
    },
    { needs: [() => storeBinary(kind)] },
  );
}

/** All at once; tells how long each took. */
async function stopped(commands: readonly RunningCommand[], what: string) {
  const startedAt = performance.now();
  for (const command of commands) command.kill('SIGTERM');
  const results = await Promise.all(
    commands.map(async (command) => ({ ...(await command.ended), ms: performance.now() - startedAt })),
  );
  console.log(`${what}: ${results.map(({ ms }) => `${(ms / 1000).toFixed(1)} s`).join(', ')}`);
  for (const result of results) {
    expect(result.exitCode, ending(result)).toBe(0);
    expect(result.ms).toBeLessThan(SOON_MS);
  }
  return results;
}
