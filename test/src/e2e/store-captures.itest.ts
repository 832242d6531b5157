/**
 * Two captures share one prefix of a real store, again and again: one goes on, the other is fenced,
 * and the stream stays whole.
 */

import { runFsck } from '@waybill/audit/fsck/fsck';
import { newFsckStats } from '@waybill/audit/fsck/stats';
import { hasCode } from '@waybill/shared/base/errors';
import { openBucket } from '@waybill/shared/bucket/open/open-bucket';
import type { MongoConnection } from '@waybill/shared/mongo/driver/connection';
import { expect, it } from 'vitest';
import { connectSource, type RunningCapture, startCapture } from '../support/capturing.ts';
import { type TestClient, testClient } from '../support/raw.ts';
import { differences, replayStream } from '../support/replay.ts';
import { describeWithServer, uniqueName } from '../support/servers.ts';
import { storeBinary } from '../support/stores/programs.ts';
import { startTestStore } from '../support/stores/test-store.ts';

const ROUNDS = 100;
const STREAM = 'default';

for (const kind of ['s3', 'gcs'] as const) {
  await describeWithServer(
    `two captures of one stream on ${kind}`,
    (servers) => {
      it(`leave one winner, and nothing lost or twice, ${ROUNDS} rounds`, { timeout: 300_000 }, async () => {
        await using store = await startTestStore(kind);
        const url = await store.newBucket();
        const open = () => openBucket(url, { store: { endpoint: store.endpoint } });
        const database = uniqueName('race');
        await using client = await testClient(servers.source.uri);
        await client.client.db(database).collection<Counted>('c').insertOne({ _id: 0 });
        const sources = await Promise.all([1, 2].map(() => connectSource(servers.source.uri)));
        await using writing = keepWriting(client, database);
        let winners = 0;
        for (let round = 0; round < ROUNDS; round++) {
          const buckets = [await open(), await open()];
          const captures = sources.map((source, i) =>
            startCapture(source, buckets[i]!, { include: [database] }),
          );
          winners += await oneIsFenced(captures);
          for (const bucket of buckets) await bucket.close();
        }
        await writing[Symbol.asyncDispose]();
        expect(winners).toBe(ROUNDS);
        await captureToTheEnd(sources[0]!, await open(), database);
        for (const source of sources) await source.close();

        const bucket = await open();
        const checked = await runFsck({ stream: STREAM, deep: true }, { bucket, stats: newFsckStats() });
        // What a fenced capture uploaded and could not commit is garbage, not damage.
        expect(checked.findings.filter(({ kind }) => kind !== 'orphan')).toEqual([]);
        const replayed = await replayStream(bucket, STREAM);
        expect(await differences(replayed, client, database)).toEqual([]);
        const { changes, commits } = replayed;
        expect(changes.map(({ sequence }) => sequence)).toEqual(changes.map((_, i) => i + 1));
        const ids = changes.map(({ documentKey }) => Buffer.from(documentKey).toString('hex'));
        expect(new Set(ids).size).toBe(ids.length);
        console.log(
          `${commits.length} commits of ${commits.at(-1)?.epoch} epochs, ${changes.length} changes`,
        );
        await bucket.close();
      });
    },
    { needs: [() => storeBinary(kind)] },
  );
}

interface Counted {
  readonly _id: number;
}

/**
 * One document after the other, so that each capture has something to commit; until disposed, which
 * may be done twice.
 */
function keepWriting(client: TestClient, database: string): AsyncDisposable {
  const collection = client.client.db(database).collection<Counted>('c');
  let stopped = false;
  const writing = (async () => {
    for (let id = 1; !stopped; id++) {
      await collection.insertOne({ _id: id });
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
  })();
  return {
    [Symbol.asyncDispose]: () => {
      stopped = true;
      return writing;
    },
  };
}

/** Waits until one is fenced, then stops the others. Returns how many ended well. */
async function oneIsFenced(captures: readonly RunningCapture[]): Promise<number> {
  const ends = captures.map(({ ended }) => ended.then(() => 'ended', fenced));
  expect(await Promise.race(ends)).toBe('fenced');
  const results = await Promise.all(captures.map((capture) => capture.stop().then(() => 1, none)));
  return results.reduce((sum, each) => sum + each, 0);
}

function fenced(error: unknown): 'fenced' {
  if (hasCode(error, 'MANIFEST_FENCED')) return 'fenced';
  throw error;
}

function none(error: unknown): 0 {
  fenced(error);
  return 0;
}

async function captureToTheEnd(
  source: MongoConnection,
  bucket: Awaited<ReturnType<typeof openBucket>>,
  database: string,
): Promise<void> {
  await startCapture(source, bucket, { include: [database], until: 'caught-up' }).ended;
  await bucket.close();
}
