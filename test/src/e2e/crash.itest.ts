/**
 * INV-2: an application writes without pause while capture and load are killed at random moments.
 * The target ends equal to the source, byte for byte. The seed decides data, writes and kills; the
 * machine decides which moments the kills hit.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { Random } from '@waybill/demo/shop/random';
import { milestoneOf } from '@waybill/shared/manifest/state';
import { expect, it } from 'vitest';
import { testClient } from '../support/raw.ts';
import { describeWithServer, type ServerKind, type TestServers, uniqueName } from '../support/servers.ts';
import { createShop, startWorkload, testSeed } from '../support/workload.ts';
import { killAgainAndAgain } from './killer.ts';
import { Migration } from './migration.ts';

interface Variant {
  readonly source: ServerKind;
  readonly orders: number;
  /** Of each side. */
  readonly kills: number;
  /** Before 6.0, change streams say nothing about indexes and options. */
  readonly structure: boolean;
}

const VARIANTS: readonly Variant[] = [
  { source: 'current', orders: 8000, kills: 14, structure: true },
  { source: 'oldest', orders: 3000, kills: 5, structure: false },
];

for (const variant of VARIANTS) {
  await describeWithServer(
    `a capture of the ${variant.source} server, and its load,`,
    (servers) => {
      it('are killed again and again, and end with the source, byte for byte', async () => {
        await survive(variant, servers);
      }, 240_000);
    },
    { source: variant.source },
  );
}

async function survive({ orders, kills: each, structure }: Variant, servers: TestServers): Promise<void> {
  const seed = testSeed();
  const random = new Random(seed);
  const { uri } = servers.source;
  const database = uniqueName('crash');
  await createShop({ uri, database, seed, orders });
  await using workload = await startWorkload({
    uri,
    database,
    seed,
    orders,
    writers: 2,
    ratePerSecond: 200,
    ...(structure ? { structureEvery: 150, structureChanges: 60 } : {}),
  });
  await using coming = comeAndGo(uri, database, random.int(1e9), structure);
  await using migration = await Migration.create({
    servers,
    databases: [database],
    // Slow and in small pieces, so kills hit the snapshot too.
    capture: ['--chunk-size', '1MiB', '--segment-size', '1MiB', '--max-read-rate', '1MiB'],
    load: ['--allow-drop', '--batch-records', '50'],
  });
  const phases = { snapshot: 0, changes: 0 };
  const start = (name: 'capture' | 'load') => () => {
    const command = migration.start(name);
    void command.ended.then(async () => {
      const state = await migration.stream();
      phases[milestoneOf(state, 'snapshot-completed') ? 'changes' : 'snapshot']++;
    });
    return command;
  };
  const capture = killAgainAndAgain({
    who: 'capture',
    start: start('capture'),
    random: new Random(random.int(1e9)),
    kills: each,
    enough: () => phases.changes > 0,
    begun: /new stream|stream goes on/,
    maxLifeMs: 3000,
    moments: [/collection-completed/, /snapshot-completed/, /caught-up/],
  });
  const stream = migration.reached('snapshot-started');
  const load = stream.then(() =>
    killAgainAndAgain({
      who: 'load',
      start: start('load'),
      random: new Random(random.int(1e9)),
      kills: each,
      begun: /load taken over/,
      maxLifeMs: 3000,
      moments: [/structure change applied/, /snapshot applied/, /indexes built/],
    }),
  );
  const kills = (await Promise.all([capture, load])).flat();
  const written = await workload.stop();
  await coming.stop();

  const found = await migration.finish();
  const { totals, epoch } = await migration.stream();
  console.log(kills.map(({ who, after, during }) => `${who} after ${after} ms: ${during}`).join('\n'));
  console.log(
    `${kills.length} kills (${phases.snapshot} during the snapshot, ${phases.changes} after it), capture's epoch ${epoch}, ` +
      `${written.operations} operations, ${totals.changeRecords} changes, ${totals.ddlEvents} structure changes`,
  );
  expect(found).toEqual([]);
  expect(kills.length).toBeGreaterThanOrEqual(2 * each);
  // The larger shop takes longer to read than one capture lives.
  if (structure) expect(phases.snapshot).toBeGreaterThan(0);
  expect(phases.changes).toBeGreaterThan(0);
  expect(totals.ddlEvents).toBeGreaterThan(0);
}

interface ComeAndGo extends AsyncDisposable {
  stop(): Promise<void>;
}

/**
 * Creates and fills collections, renames them over each other and drops them, since the shop's own
 * are never dropped.
 */
function comeAndGo(uri: string, database: string, seed: number, structure: boolean): ComeAndGo {
  const random = new Random(seed);
  let isStopped = false;
  const run = async (): Promise<void> => {
    await using client = await testClient(uri);
    const db = client.client.db(database);
    for (let round = 0; !isStopped; round++) {
      const name = `brief_${round % 3}`;
      const brief = db.collection(name);
      await brief.insertMany(Array.from({ length: 20 }, (_, n) => ({ n, round })));
      await brief.updateMany({ n: { $lt: 10 } }, { $set: { touched: round } });
      if (structure && random.chance(0.3)) await brief.createIndex({ n: 1 });
      if (random.chance(0.4)) await brief.rename('brief_kept', { dropTarget: true });
      else if (random.chance(0.5)) await brief.drop();
      await sleep(300 + random.int(500));
    }
  };
  const running = run();
  running.catch(() => undefined);
  const stop = (): Promise<void> => {
    isStopped = true;
    return running;
  };
  return { stop, [Symbol.asyncDispose]: async () => void (await stop().catch(() => undefined)) };
}
