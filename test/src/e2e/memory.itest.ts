/**
 * INV-8: settings bound the memory, not data. With four times the data, as a snapshot and as
 * changes, capture and load peak at about the same memory.
 */
import { readFile } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import { expect, it } from 'vitest';
import * as b from '../support/bson/bytes.ts';
import { testClient } from '../support/raw.ts';
import { describeWithServer, startServer, uniqueName } from '../support/servers.ts';
import type { RunningCommand } from '../support/waybill.ts';
import { Migration, succeeded } from './migration.ts';

const MIB = 1024 * 1024;
const SMALL_BYTES = 240 * MIB;
const LARGE_BYTES = 960 * MIB;
const DOCUMENT_BYTES = 4000;
const LIMIT = 512 * MIB;
/** A garbage collector is free to differ by this much. */
const ALIKE = 1.3;

const CAPTURE = [
  '--segment-size',
  '8MiB',
  '--chunk-size',
  '32MiB',
  '--commit-size',
  '4MiB',
  '--readers',
  '2',
];
const LOAD = ['--workers', '4', '--batch-size', '4MiB'];

await describeWithServer('memory', (shared) => {
  it('of capture and load does not grow with the data', async () => {
    // Its oplog holds what is written while nobody captures.
    await using own = await startServer({ replSet: 'memory', oplogMb: 2000 });
    const servers = { source: own, target: shared.target };
    const peaks: Record<string, number>[] = [];
    for (const bytes of [SMALL_BYTES, LARGE_BYTES]) {
      const database = uniqueName('memory');
      await using source = await testClient(servers.source.uri);
      await using migration = await Migration.create({
        servers,
        databases: [database],
        capture: CAPTURE,
        load: LOAD,
      });
      const documents = Math.floor(bytes / 2 / DOCUMENT_BYTES);
      const fill = (collection: string): Promise<void> => fillWith(source, database, collection, documents);
      // Half of the data is there before; the other half is written while no capture runs.
      await fill('before');
      const snapshot = {
        capture: await peak(migration.start('capture', '--until', 'caught-up')),
        load: await peak(migration.start('load', '--until', 'caught-up')),
      };
      await fill('later');
      const changes = {
        capture: await peak(migration.start('capture', '--until', 'caught-up')),
        load: await peak(migration.start('load', '--until', 'caught-up')),
      };
      const { totals } = await migration.stream();
      expect(totals.snapshotRecords).toBe(documents);
      expect(totals.changeRecords).toBe(documents);
      peaks.push({
        'capture of the snapshot': snapshot.capture,
        'load of the snapshot': snapshot.load,
        'capture of changes': changes.capture,
        'load of changes': changes.load,
      });
      for (const { uri } of [servers.source, servers.target]) {
        await using client = await testClient(uri);
        await client.client.db(database).dropDatabase();
      }
    }
    const [small = {}, large = {}] = peaks;
    for (const [what, bytes] of Object.entries(large)) {
      console.log(
        `${what}: ${inMib(small[what] ?? 0)} at ${inMib(SMALL_BYTES / 2)}, ${inMib(bytes)} at ${inMib(LARGE_BYTES / 2)}`,
      );
    }
    for (const [what, bytes] of Object.entries(large)) {
      expect(bytes, what).toBeLessThan(LIMIT);
      expect(bytes, what).toBeLessThan((small[what] ?? 0) * ALIKE);
    }
  }, 240_000);
});

const inMib = (bytes: number): string => `${Math.round(bytes / MIB)} MiB`;

async function fillWith(
  source: Awaited<ReturnType<typeof testClient>>,
  database: string,
  collection: string,
  documents: number,
): Promise<void> {
  const batch = 2000;
  for (let from = 0; from < documents; from += batch) {
    const count = Math.min(batch, documents - from);
    await source.insert(
      database,
      collection,
      Array.from({ length: count }, (_, n) => document(from + n)),
    );
  }
}

/** Half of it compresses. */
const noise = Buffer.from(
  Array.from({ length: 8192 }, (_, n) => (Math.imul(n + 1, 2_654_435_761) >>> 13) & 0xff),
);

function document(n: number): Buffer {
  const at = (n * 37) % 4096;
  return b.document(
    ['_id', b.int32(n)],
    ['noise', b.binary(0, noise.subarray(at, at + DOCUMENT_BYTES / 2))],
    ['text', b.string('lorem ipsum '.repeat(DOCUMENT_BYTES / 24))],
  );
}

/**
 * The peak of its resident memory. The kernel keeps it, so one look just before the end is enough.
 */
async function peak(command: RunningCommand): Promise<number> {
  let kib = 0;
  while (command.isRunning) {
    const status = await readFile(`/proc/${command.pid}/status`, 'utf8').catch(() => '');
    kib = Math.max(kib, Number(/^VmHWM:\s+(\d+) kB$/m.exec(status)?.[1] ?? 0));
    await sleep(50);
  }
  succeeded('it', await command.ended);
  expect(kib).toBeGreaterThan(0);
  return kib * 1024;
}
