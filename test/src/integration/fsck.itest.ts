/** `waybill fsck` and `waybill gc` on what real captures write, also ones that are killed. */
import { watch } from 'node:fs';
import { readdir, utimes } from 'node:fs/promises';
import { join } from 'node:path';
import type { FsckReport } from '@waybill/audit/fsck/fsck';
import type { GcReport } from '@waybill/audit/gc/gc';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { StoredStream } from '../e2e/stored-stream.ts';
import { awaitUntil } from '../support/await-until.ts';
import { type TemporaryBucket, temporaryBucket } from '../support/bucket.ts';
import { type TestClient, testClient } from '../support/raw.ts';
import { describeWithServer, uniqueName } from '../support/servers.ts';
import { runWaybill, spawnWaybill } from '../support/waybill.ts';

/** In documents and their `_id`s. It must never be printed. */
const SECRET = 'PLANTED-VALUE';
const DAY_MS = 86_400_000;

const json = async <Report>(
  ...args: string[]
): Promise<{ readonly exitCode: number | null; readonly report: Report }> => {
  const { exitCode, stdout, stderr } = await runWaybill([...args, '--json']);
  expect(stderr).toBe('');
  expect(stdout).not.toContain(SECRET);
  return { exitCode, report: JSON.parse(stdout) };
};
const fsck = (bucket: string, ...more: string[]) => json<FsckReport>('fsck', '--bucket', bucket, ...more);
const gc = async (bucket: string, ...more: string[]) =>
  (await json<GcReport>('gc', '--bucket', bucket, ...more)).report;

await describeWithServer('a stream that was captured', (servers) => {
  const database = uniqueName('fsck');
  let source: TestClient;
  let bucket: TemporaryBucket;
  const capture = (...more: string[]): string[] => [
    ...['capture', '--source', servers.source.uri, '--bucket', bucket.path, '--include', database],
    ...[
      '--segment-size',
      '64KiB',
      '--chunk-size',
      '1MiB',
      '--commit-interval',
      '50ms',
      '--lanes',
      '4',
      ...more,
    ],
  ];

  beforeAll(async () => {
    bucket = await temporaryBucket();
    source = await testClient(servers.source.uri);
    const db = source.client.db(database);
    await db.createCollection('capped', { capped: true, size: 1 << 20 });
    await db.createCollection('collated', { collation: { locale: 'de' } });
    for (const name of ['plain', 'capped', 'collated']) {
      const documents = Array.from({ length: 3000 }, (_, n) => ({
        _id: `${SECRET} ${n}` as never,
        n,
        text: SECRET.repeat(20),
      }));
      await db.collection(name).insertMany(documents);
    }
  });
  afterAll(async () => {
    await source[Symbol.asyncDispose]();
    await bucket[Symbol.asyncDispose]();
  });

  /** Changes of every kind, in every kind of collection, and of structure. */
  async function change(round: number): Promise<void> {
    const db = source.client.db(database);
    for (const name of ['plain', 'capped', 'collated']) {
      await db
        .collection(name)
        .insertMany(Array.from({ length: 50 }, (_, n) => ({ round, n, text: SECRET })));
      await db.collection(name).updateMany({ n: { $lt: 40 } }, { $inc: { n: 0.5 } });
    }
    await db.collection('plain').deleteMany({ n: { $gt: 2900 - round } });
    const made = await db.createCollection(`made${round}`, round % 2 ? { collation: { locale: 'fr' } } : {});
    await made.insertMany([{ _id: round as never }, { text: SECRET }]);
    await made.rename(`renamed${round}`);
    await db.collection(`renamed${round}`).insertOne({ text: SECRET });
    if (round > 0) await db.collection(`renamed${round - 1}`).drop();
    await source.client.withSession((session) =>
      session.withTransaction(async () => {
        await db.collection('plain').insertOne({ round, text: SECRET }, { session });
        await db.collection('collated').updateOne({ n: 1000 }, { $set: { round } }, { session });
      }),
    );
  }

  it('is whole: every file and every record, also while the capture goes on', async () => {
    await using running = spawnWaybill(capture());
    await awaitUntil('the capture follows', () => running.stderr.includes('milestone=snapshot-completed'));
    for (let round = 0; round < 4; round++) {
      await change(round);
      const { exitCode, report } = await fsck(bucket.path, '--deep');
      expect(report.findings.filter(({ severity }) => severity === 'damage')).toEqual([]);
      expect(exitCode).toBe(0);
    }
    running.kill('SIGTERM');
    expect((await running.ended).exitCode).toBe(0);
    expect((await runWaybill(capture('--until', 'caught-up'))).exitCode).toBe(0);
    const { report } = await fsck(bucket.path, '--deep');
    expect(report).toMatchObject({ whole: true, damages: 0, findings: [], orphans: { count: 0 } });
    expect(report.decodedRecords).toBe(report.segments.records);
    expect(report.segments.records).toBeGreaterThan(9000 + 4 * 150);
    expect(report.lastSequence).toBeGreaterThan(600);
  });

  it('and loaded has a log of its load that is checked too', async () => {
    const args = ['--bucket', bucket.path, '--target', servers.target.uri, '--until', 'caught-up'];
    expect((await runWaybill(['load', ...args, '--allow-drop'])).exitCode).toBe(0);
    const { report } = await fsck(bucket.path);
    expect(report.logs.map(({ log }) => log)).toEqual(['default', 'default/loads/default']);
    expect(report).toMatchObject({ whole: true, findings: [] });
  });

  it('and damaged is told of by exit code 3, a table, and what to do', async () => {
    const stream = new StoredStream(bucket.path);
    const { key } = await stream.segment(({ kind }) => kind === 'changes');
    let kept: Buffer = Buffer.alloc(0);
    await stream.rewrite(stream.path(key), (bytes) => {
      kept = bytes;
      const copy = Buffer.from(bytes);
      copy[bytes.length - 40]! ^= 1;
      return copy;
    });
    expect((await fsck(bucket.path)).exitCode).toBe(0);
    const { exitCode, stdout } = await runWaybill(['fsck', '--bucket', bucket.path, '--deep']);
    expect(exitCode).toBe(3);
    expect(stdout).toContain(`segment-altered  default/${key}  its SHA-256 is not what the manifest says`);
    expect(stdout).toMatch(/^segment-altered: Restore the file from a copy/m);
    expect(stdout).toMatch(/^Damaged: 1 findings/m);
    await stream.rewrite(stream.path(key), () => kept);
    expect((await fsck(bucket.path, '--deep')).exitCode).toBe(0);
  });
});

await describeWithServer('a capture that is killed', (servers) => {
  const database = uniqueName('gc');
  let source: TestClient;
  beforeAll(async () => {
    source = await testClient(servers.source.uri);
    const documents = Array.from({ length: 20_000 }, (_, n) => ({ n, text: `${n} ${SECRET}`.repeat(20) }));
    await source.client.db(database).collection('things').insertMany(documents);
  });
  afterAll(() => source[Symbol.asyncDispose]());

  it('leaves files that no commit names; they are listed, then deleted, and the stream stays whole', async () => {
    await using bucket = await temporaryBucket();
    const args = [
      ...['capture', '--source', servers.source.uri, '--bucket', bucket.path, '--include', database],
      ...['--segment-size', '64KiB', '--chunk-size', '1MiB', '--until', 'caught-up'],
    ];
    const orphans = await killUntilOrphans(bucket.path, args);

    // The killed one's epoch is the last: as far as anybody knows, it may yet commit them.
    const early = await gc(bucket.path, '--min-age', '0', '--delete');
    expect(early).toMatchObject({ count: 0, kept: { young: orphans.length } });

    expect((await runWaybill(args)).exitCode).toBe(0);
    const whole = await fsck(bucket.path, '--deep');
    expect(whole).toMatchObject({ exitCode: 0, report: { damages: 0, orphans: { count: orphans.length } } });
    expect(whole.report.findings.map(({ key }) => key)).toEqual(orphans);

    expect(await gc(bucket.path, '--delete')).toMatchObject({ count: 0, kept: { young: orphans.length } });
    const listed = await gc(bucket.path, '--min-age', '0');
    expect(listed.items.map(({ key }) => key)).toEqual(orphans);
    expect(await gc(bucket.path, '--min-age', '0', '--delete')).toMatchObject({
      deleted: true,
      count: orphans.length,
    });
    const after = await fsck(bucket.path, '--deep');
    expect(after).toMatchObject({ exitCode: 0, report: { whole: true, findings: [] } });
    expect(after.report.segments).toEqual(whole.report.segments);
  });

  it('whose files are old loses them though it was never started again', async () => {
    await using bucket = await temporaryBucket();
    const args = [
      ...['capture', '--source', servers.source.uri, '--bucket', bucket.path, '--include', database],
      ...['--segment-size', '64KiB', '--chunk-size', '1MiB', '--until', 'caught-up'],
    ];
    const orphans = await killUntilOrphans(bucket.path, args);
    const then = new Date(Date.now() - 8 * DAY_MS);
    for (const key of orphans) await utimes(join(bucket.path, key), then, then);
    const { exitCode, stdout } = await runWaybill(['gc', '--bucket', bucket.path, '--delete']);
    expect(exitCode).toBe(0);
    for (const key of orphans) expect(stdout).toMatch(new RegExp(`segment +${key}.* 8d 00h`));
    expect(await fsck(bucket.path, '--deep')).toMatchObject({ exitCode: 0, report: { findings: [] } });
  });
});

/**
 * Kills a capture the moment that a segment appears, before its commit; again, where the commit was
 * quicker.
 */
async function killUntilOrphans(bucket: string, args: readonly string[]): Promise<string[]> {
  for (let attempt = 0; attempt < 10; attempt++) {
    await using running = spawnWaybill(args);
    const folder = join(bucket, 'default/segments/snapshot');
    await awaitUntil(
      'it has written a segment',
      async () => (await readdir(folder).catch(() => [])).length > 0,
    );
    const events = watch(folder, { recursive: true }, (_event, name) => {
      if (name?.endsWith('.avro')) running.kill('SIGKILL');
    });
    await running.ended;
    events.close();
    const { exitCode, report } = await fsck(bucket);
    expect(exitCode).toBe(0);
    if (report.orphans.count > 0) return report.findings.map(({ key }) => key);
  }
  throw new Error('no kill left a file behind');
}
