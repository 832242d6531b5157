/**
 * Measures what refused records cost a load: the same stream without poison and with 1 % of it, in
 * turns. The target refuses poison by its validator, or a check finds it before it is sent.
 * `node test/scripts/poison.ts [server | check] [documents] [rounds]`
 */
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { startMongod } from '@waybill/demo/servers/start';
import { buildDocument, int32, string } from '@waybill/shared/bson/build';
import { binaryOf } from '../src/support/lending/binaries.ts';
import { testClient } from '../src/support/raw.ts';
import { load } from '../src/support/run-load.ts';
import { put, StreamBuilder } from '../src/support/stream-builder.ts';

const [by = 'check', ...numbers] = process.argv.slice(2);
const [documents = 1_000_000, rounds = 2] = numbers.map(Number);
const BYTES = 400;
const SEGMENT = 50_000;
const COMMIT = 5000;
const TEXT = 'x'.repeat(300);

const documentOf = (id: number, state: number): Buffer =>
  buildDocument([
    ['_id', int32(id)],
    ['state', int32(state)],
    ['text', string(state > 50 ? TEXT.repeat(2) : TEXT)],
  ]);

async function streamOf(folder: string, share: number): Promise<void> {
  const stateOf = (id: number): number => (share > 0 && id % Math.round(1 / share) === 0 ? 99 : 1);
  const stream = await StreamBuilder.create(folder, { lanes: 16 });
  const all = Array.from({ length: documents }, (_, id) => documentOf(id, stateOf(id)));
  await stream.snapshot([{ namespace: 'poison.orders', documents: all, segmentDocuments: SEGMENT }]);
  for (let from = 0; from < documents / 4; from += COMMIT) {
    const ids = Array.from({ length: COMMIT }, (_, n) => from + n + 1);
    await stream.changes(ids.map((id) => put('poison.orders', documentOf(id, stateOf(id) + 1), 'update')));
  }
  await stream.milestone('caught-up');
}

await using server = await startMongod({ binary: await binaryOf('current'), replSet: 'rs' });
/** Of the server and of this process: what else is at work on the machine does not count. */
async function cpuSeconds(): Promise<number> {
  const fields = (await readFile(`/proc/${server.pid}/stat`, 'utf8')).split(') ')[1]!.split(' ');
  const { user, system } = process.cpuUsage();
  return (Number(fields[11]) + Number(fields[12])) / 100 + (user + system) / 1e6;
}

const folders = new Map<number, string>();
for (const share of [0, 0.01]) {
  const folder = await mkdtemp(join(tmpdir(), 'waybill-poison-'));
  folders.set(share, folder);
  await streamOf(folder, share);
}
for (let round = 0; round < rounds; round++) {
  for (const [share, folder] of folders) {
    await using client = await testClient(server.uri);
    for (const name of ['poison', 'waybill']) await client.client.db(name).dropDatabase();
    const validator = by === 'server' ? { state: { $lt: 50 } } : {};
    await client.client.db('poison').createCollection('orders', { validator });
    const run = {
      bucketUrl: folder,
      targetUri: server.uri,
      maxDeadLetters: 1_000_000,
      maxDocumentSize: by === 'check' ? BYTES : null,
      load: `round${round}`,
    };
    const began = performance.now();
    const cpu = await cpuSeconds();
    await load({ ...run, until: 'snapshot-applied' });
    const snapshot = performance.now() - began;
    const cpuSnapshot = await cpuSeconds();
    const { stats } = await load({ ...run, until: 'caught-up' });
    const changes = performance.now() - began - snapshot;
    const cpuChanges = await cpuSeconds();
    const rate = (count: number, ms: number): number => Math.round(count / (ms / 1000));
    console.log(
      `${share * 100} % poison: snapshot ${rate(documents, snapshot)}/s, CPU ${(cpuSnapshot - cpu).toFixed(1)} s; changes ${rate(documents / 4, changes)}/s, CPU ${(cpuChanges - cpuSnapshot).toFixed(1)} s; open letters ${stats.deadLettersOpen}`,
    );
  }
}
for (const folder of folders.values()) await rm(folder, { recursive: true });
