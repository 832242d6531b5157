/**
 * The odd documents, and every kind of collection and index, reach the target byte for byte
 * (INV-1): as a snapshot and as changes, in both formats, from the current server and from 4.0.
 */
import { expect, it } from 'vitest';
import { type InsertOptions, insertCorpus } from '../corpus/corpus.ts';
import { describeWithServer, type ServerKind, type TestServers, uniqueName } from '../support/servers.ts';
import { Migration } from './migration.ts';
import { changeOddContent, changeOddIds, moveThroughEqualIds, withClient } from './odd-changes.ts';

interface Variant {
  readonly source: ServerKind;
  readonly format: 'avro' | 'jsonl';
  /**
   * One load follows from the beginning. The other begins when everything is captured, so it
   * coalesces what it can.
   */
  readonly load: 'beside' | 'afterwards';
}

const VARIANTS: readonly Variant[] = [
  { source: 'current', format: 'avro', load: 'beside' },
  { source: 'current', format: 'jsonl', load: 'afterwards' },
  { source: 'oldest', format: 'avro', load: 'afterwards' },
];

for (const variant of VARIANTS) {
  const { source, format } = variant;
  await describeWithServer(
    `the odd documents from the ${source} server as ${format}`,
    (servers) => {
      it('arrive byte for byte, from the snapshot and as changes', async () => {
        expect(await migrate(variant, servers)).toEqual([]);
      });
    },
    { source },
  );
}

/**
 * The event of a document of 16 MiB does not fit into a message, and before 6.0 nothing can split
 * it.
 */
const TAKEN_FROM_OLD_SERVERS: InsertOptions = { only: ({ name }) => name !== 'extremes' };

async function migrate({ source, format, load }: Variant, servers: TestServers): Promise<string[]> {
  const { uri } = servers.source;
  const [before, during] = [uniqueName('odd_before'), uniqueName('odd_during')];
  await using migration = await Migration.create({
    servers,
    databases: [before, during],
    capture: ['--format', format],
  });
  await insertCorpus(uri, { database: before });
  const capture = migration.start('capture');
  await migration.reached('snapshot-started', capture);
  const loads = load === 'beside' ? [migration.start('load')] : [];

  await insertCorpus(uri, { database: during, ...(source === 'oldest' ? TAKEN_FROM_OLD_SERVERS : {}) });
  await withClient(uri, async (client) => {
    await changeOddIds(client, before);
    await changeOddContent(client, before);
    await moveThroughEqualIds(client, before, 3);
    await migration.reached('caught-up', capture, ...loads);
    await changeOddIds(client, during);
    await changeOddContent(client, during);
    await moveThroughEqualIds(client, during, 2);
  });
  for (const side of [capture, ...loads]) side.kill('SIGTERM');
  for (const side of [capture, ...loads]) expect((await side.ended).exitCode).toBe(0);
  const found = await migration.finish();
  const { totals } = await migration.stream();
  console.log(`${source} ${format}: ${totals.snapshotRecords} documents, ${totals.changeRecords} changes`);
  return found;
}
