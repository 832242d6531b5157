import { setTimeout as sleep } from 'node:timers/promises';
import { BSON, type Collection, type Document, MongoClient } from 'mongodb';
import { clear, fill } from '../data/fill.ts';
import { DATABASE, order } from '../data/orders.ts';
import { type Bench, freshFolder } from '../harness/bench.ts';
import { exit, startWaybill } from '../harness/process.ts';
import { type Measure, percentile } from '../report/measure.ts';

const COLLECTION = 'latency';
const EXISTING = 20_000;
const RATE = 2000;
const SECONDS = 20;
/** The first seconds are left out, until every part is warm. */
const WARM_UP_SECONDS = 5;
const TICK_MS = 20;

/**
 * Milliseconds from the source's acknowledgement of a write (majority) until the target's own
 * change stream shows it. `run` works between the two, in one process.
 */
export async function latency(bench: Bench): Promise<readonly Measure[]> {
  await clear(bench.targetConnection, [DATABASE, 'waybill']);
  await fill(bench.sourceConnection, COLLECTION, 0, EXISTING);
  const bucket = await freshFolder(bench, 'latency-bucket');
  const ends = ['--source', bench.source.uri, '--target', bench.target.uri, '--bucket', bucket];
  const child = startWaybill(['run', ...ends, '--include', `${DATABASE}.${COLLECTION}`, '--yes']);
  const ended = exit(child);
  await using source = await new MongoClient(bench.source.uri).connect();
  await using target = await new MongoClient(bench.target.uri).connect();
  try {
    await caughtUp(source, target);
    bench.log(`latency: ${RATE} events a second for ${SECONDS} s`);
    const seen = await observe(source.db(DATABASE).collection(COLLECTION), target);
    return [
      measure('source commit to target visible, median', percentile(seen, 0.5), 2000, 1000),
      measure('source commit to target visible, 99th percentile', percentile(seen, 0.99), 4000, 2000),
    ];
  } finally {
    child.kill('SIGTERM');
    await ended;
    await bench.sourceConnection.command(DATABASE, { drop: COLLECTION });
    await clear(bench.targetConnection, [DATABASE, 'waybill']);
  }
}

function measure(name: string, milliseconds: number, must: number, aim: number): Measure {
  const bound = { direction: 'atMost', must, aim } as const;
  return { name, unit: 'ms', waybill: [milliseconds], peer: [], peerName: '', bound };
}

/** Waits until a marker written to the source has arrived at the target. */
async function caughtUp(source: MongoClient, target: MongoClient): Promise<void> {
  const marker = BSON.deserialize(order(EXISTING + 1));
  await source.db(DATABASE).collection(COLLECTION).insertOne(marker);
  const copy = target.db(DATABASE).collection(COLLECTION);
  for (let attempt = 0; attempt < 600; attempt++) {
    if (await copy.findOne({ _id: marker._id })) return;
    await sleep(100);
  }
  throw new Error('the target did not catch up within a minute');
}

async function observe(collection: Collection<Document>, target: MongoClient): Promise<number[]> {
  const acknowledged = new Map<number, number>();
  const latencies: number[] = [];
  const stream = target.db(DATABASE).collection(COLLECTION).watch([], { fullDocument: 'updateLookup' });
  const ids = Array.from({ length: EXISTING }, (_, number) => BSON.deserialize(order(number))._id);
  const total = RATE * SECONDS;
  const arrived = (async () => {
    for await (const event of stream) {
      const mark = 'fullDocument' in event ? (event.fullDocument?.mark as number | undefined) : undefined;
      if (mark === undefined) continue;
      const at = acknowledged.get(mark);
      if (at !== undefined && mark >= RATE * WARM_UP_SECONDS) latencies.push(performance.now() - at);
      if (mark >= total - 1) break;
    }
  })();
  await stream.tryNext().catch(() => undefined);
  const start = performance.now();
  for (let mark = 0; mark < total; ) {
    const due = Math.min(total, Math.floor(((performance.now() - start) / 1000) * RATE) + 1);
    const operations = [];
    for (; mark < due; mark++) {
      acknowledged.set(mark, performance.now());
      operations.push({
        updateOne: { filter: { _id: ids[mark % EXISTING] }, update: { $set: { mark, status: 'seen' } } },
      });
    }
    if (operations.length > 0) {
      const first = mark - operations.length;
      await collection.bulkWrite(operations, { ordered: true, writeConcern: { w: 'majority' } });
      const now = performance.now();
      for (let done = first; done < mark; done++) acknowledged.set(done, now);
    }
    await sleep(TICK_MS);
  }
  const late = sleep(60_000, 'late', { ref: false });
  if ((await Promise.race([arrived, late])) === 'late') throw new Error('the last change did not arrive');
  await stream.close();
  return latencies;
}
