/**
 * INV-6 and INV-5: whenever a capture is killed, its position and the last `_id`s of its chunks are
 * not ahead of its segments, and every commit that a reader can see is complete. The driver's own
 * change stream, opened before, shows independently what happened on the source.
 */
import { createHash } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { Random } from '@waybill/demo/shop/random';
import { clusterTime, parseClusterTime } from '@waybill/shared/base/position';
import { findElement } from '@waybill/shared/bson/raw';
import type { Bucket } from '@waybill/shared/bucket/bucket';
import { readCommits } from '@waybill/shared/manifest/log';
import { milestoneOf } from '@waybill/shared/manifest/state';
import { readSnapshotSegment } from '@waybill/shared/segment/read/reader';
import type {
  ChangeStream,
  ChangeStreamDocument,
  Collection,
  Document,
  MongoClient,
  Timestamp,
} from 'mongodb-4-0';
import { expect, it } from 'vitest';
import { testClient } from '../support/raw.ts';
import { differences, type Replayed, replayStream } from '../support/replay.ts';
import { describeWithServer, type ServerKind, uniqueName } from '../support/servers.ts';
import { testSeed } from '../support/workload.ts';
import { killAgainAndAgain } from './killer.ts';
import { Migration } from './migration.ts';

const BALLAST = 12_000;
const KINDS: readonly ServerKind[] = ['current', 'oldest'];

for (const kind of KINDS) {
  await describeWithServer(
    `positions of a capture of the ${kind} server`,
    (servers) => {
      it('are never ahead of what its segments hold', async () => {
        const random = new Random(testSeed());
        const database = uniqueName('positions');
        await using migration = await Migration.create({
          servers,
          databases: [database],
          capture: [
            '--chunk-size',
            '1MiB',
            '--segment-size',
            '64KiB',
            '--max-read-rate',
            '1MiB',
            '--readers',
            '2',
          ],
        });
        await using client = await testClient(servers.source.uri);
        const db = client.client.db(database);
        const ballast = Array.from({ length: BALLAST }, (_, _id) => ({ _id, text: 'x'.repeat(400) }));
        await db.collection<{ _id: number }>('ballast').insertMany(ballast);
        await db.createCollection('busy');
        const events = await record(db.watch([], { maxAwaitTimeMS: 100 }));
        await using writer = write(client.client, db.collection('busy'), new Random(random.int(1e9)));
        const reader = new AbortController();
        const seenWhole = readAlong(migration.bucket, reader.signal);

        let checked = 0;
        const faults: unknown[] = [];
        const checkpoints: Promise<void>[] = [];
        await killAgainAndAgain({
          who: 'capture',
          start: () => {
            const command = migration.start('capture');
            checkpoints.push(
              command.ended
                .then(async () => {
                  const replayed = await replayStream(migration.bucket, 'default');
                  if (!replayed.state.position) return;
                  await expectChanges(replayed, events);
                  await expectChunks(replayed, migration.bucket);
                  checked++;
                })
                .catch((fault: unknown) => void faults.push(fault)),
            );
            return command;
          },
          random,
          kills: 8,
          begun: /new stream|stream goes on/,
          maxLifeMs: 2500,
          moments: [/collection-completed/],
        });
        await Promise.all(checkpoints);
        expect(faults).toEqual([]);
        await writer.stop();
        await migration.must('capture', '--until', 'caught-up');
        const replayed = await replayStream(migration.bucket, 'default');
        await expectChanges(replayed, events);
        expect(await differences(replayed, client, database)).toEqual([]);
        await events.close();
        reader.abort();
        console.log(
          `${kind}: ${checked} kills checked, ${replayed.changes.length} changes, ${await seenWhole} commits seen whole, ` +
            `${replayed.state.snapshotSegments.length} snapshot segments`,
        );
        expect(checked).toBeGreaterThan(4);
      });
    },
    { source: kind },
  );
}

type Recorded = Awaited<ReturnType<typeof record>>;

interface SeenEvent {
  readonly time: bigint;
  readonly text: string;
}

/**
 * The records are what happened from T0 on, in its order, up to some point; and it is the point
 * that the position speaks of: everything before its cluster time is there, and nothing after it.
 */
async function expectChanges({ changes, state }: Replayed, events: Recorded): Promise<void> {
  const position = parseClusterTime(state.position!.clusterTime)!;
  const t0 = parseClusterTime(milestoneOf(state, 'snapshot-started')?.clusterTime ?? '') ?? position;
  const happened = await events.from(t0, changes.length);
  expect(state.lastSequence).toBe(changes.length);
  const wrong = changes.findIndex(
    ({ sequence, operation, documentKey, clusterTime: time }, index) =>
      sequence !== index + 1 || textOf(operation, idText(documentKey), time) !== happened[index]?.text,
  );
  if (wrong >= 0) {
    const { sequence, operation, clusterTime: time } = changes[wrong]!;
    throw new Error(
      `record ${wrong} has sequence ${sequence}, is ${operation} at ${time}; then happened ${happened[wrong]?.text}`,
    );
  }
  const left = happened.slice(changes.length).filter(({ time }) => time < position);
  expect(left.length, 'changes before the position that are in no segment').toBe(0);
  const beyond = changes.filter(({ clusterTime: time }) => time > position);
  expect(beyond.length, 'changes after the position').toBe(0);
}

/** Every ballast document up to a chunk's last `_id` is in a segment that is committed. */
async function expectChunks({ state }: Replayed, bucket: Bucket): Promise<void> {
  const captured = new Set<number>();
  for (const entry of state.snapshotSegments) {
    if (!entry.namespace?.endsWith('.ballast')) continue;
    for await (const block of readSnapshotSegment(bucket, `default/${entry.key}`, entry)) {
      for (const document of block.documents) captured.add(Number(idText(document)));
    }
  }
  for (const [namespace, chunks] of state.chunks) {
    if (!namespace.endsWith('.ballast')) continue;
    for (const { lower, upper, progress } of chunks.values()) {
      if (!progress) continue;
      const from = lower === null ? 0 : Number(idText(Buffer.from(lower, 'base64')));
      const end = upper === null ? BALLAST : Number(idText(Buffer.from(upper, 'base64')));
      const last =
        progress.lastId === null ? from - 1 : Number(idText(Buffer.from(progress.lastId, 'base64')));
      const to = progress.done ? end : last + 1;
      const missing = Array.from({ length: Math.max(0, to - from) }, (_, n) => from + n).filter(
        (n) => !captured.has(n),
      );
      expect(missing, `${namespace} from ${from} to ${to}`).toEqual([]);
    }
  }
}

/** Ids of this test are int32. */
function idText(document: Uint8Array): string {
  const id = findElement(document, '_id')!;
  if (id.type !== 0x10) throw new Error(`an _id of type ${id.type}`);
  return String(Buffer.from(id.bytes).readInt32LE(0));
}

const textOf = (operation: string, id: string, time: bigint): string => `${operation} ${id} ${time}`;

async function record(stream: ChangeStream<Document, ChangeStreamDocument<Document>>) {
  const seen: SeenEvent[] = [];
  await stream.tryNext();
  const reading = (async () => {
    for await (const event of stream) {
      if (!('documentKey' in event)) continue;
      const { high, low } = (event as unknown as { clusterTime: Timestamp }).clusterTime;
      const time = clusterTime(high >>> 0, low >>> 0);
      seen.push({ time, text: textOf(event.operationType, String(event.documentKey._id), time) });
    }
  })().catch(() => undefined);
  return {
    /**
     * What happened from that time on; it may be behind the capture by a moment, so it waits for so
     * many.
     */
    from: async (time: bigint, count: number): Promise<readonly SeenEvent[]> => {
      const found = () => seen.filter((event) => event.time >= time);
      for (let tries = 0; found().length < count && tries < 100; tries++) await sleep(100);
      return found();
    },
    close: async (): Promise<void> => {
      await stream.close();
      await reading;
    },
  };
}

interface Writer extends AsyncDisposable {
  stop(): Promise<void>;
}

function write(client: MongoClient, busy: Collection, random: Random): Writer {
  let isStopped = false;
  const byId = (id: number) => ({ _id: id as never });
  const inTransaction = (id: number): Promise<unknown> =>
    client.withSession((session) =>
      session.withTransaction(async () => {
        for (let n = 0; n < 5; n++) {
          await busy.updateOne(byId(id + n), { $inc: { n: 1 } }, { upsert: true, session });
        }
      }),
    );
  const running = (async () => {
    while (!isStopped) {
      await sleep(1);
      const id = random.int(200);
      const roll = random.int(20);
      if (roll < 10) await busy.updateOne(byId(id), { $inc: { n: 1 } }, { upsert: true });
      else if (roll < 13) await busy.replaceOne(byId(id), { replaced: roll }, { upsert: true });
      else if (roll < 15) await busy.deleteOne(byId(id));
      else if (roll < 17) await inTransaction(id);
      else
        await busy.updateMany({ _id: { $gte: id, $lt: id + 20 } } as never, {
          $set: { many: random.int(1000) },
        });
    }
  })();
  running.catch(() => undefined);
  const stop = (): Promise<void> => {
    isStopped = true;
    return running;
  };
  return { stop, [Symbol.asyncDispose]: async () => void (await stop().catch(() => undefined)) };
}

/**
 * Reads commits the moment they are visible, and insists on all of their segments. How many there
 * were.
 */
async function readAlong(bucket: Bucket, signal: AbortSignal): Promise<number> {
  let point: { seq: number; hash: string | null } = { seq: 0, hash: null };
  while (!signal.aborted) {
    for await (const { commit, hash } of readCommits(bucket, 'default', { after: point })) {
      for (const { key, bytes, sha256 } of commit.segments ?? []) {
        const file = await bucket.get(`default/${key}`);
        expect(file.length, key).toBe(bytes);
        expect(createHash('sha256').update(file).digest('hex'), key).toBe(sha256);
      }
      point = { seq: commit.seq, hash };
    }
    await sleep(20);
  }
  return point.seq;
}
