/**
 * INV-3: each document on the target passes through its states in the source's order. A change
 * stream of the target shows what an observer sees there. While one load runs, every document only
 * moves forward. After a kill, the next load may repeat the last batches, which then move forward
 * again.
 */

import { Random } from '@waybill/demo/shop/random';
import type { ChangeStreamDocument, Collection, Db, Document } from 'mongodb-4-0';
import { expect, it } from 'vitest';
import { awaitUntil } from '../support/await-until.ts';
import { testClient } from '../support/raw.ts';
import { describeWithServer, uniqueName } from '../support/servers.ts';
import { testSeed } from '../support/workload.ts';
import { Migration } from './migration.ts';

const DOCUMENTS = 60;
const RESTARTS = 3;
/** Documents whose number has this remainder modulo four are changed in all ways. */
const MIXED = 3;

await describeWithServer('order', (servers) => {
  it('of the states of each document is the order of the source', async () => {
    const random = new Random(testSeed());
    const database = uniqueName('order');
    await using migration = await Migration.create({
      servers,
      databases: [database],
      capture: ['--commit-interval', '50ms'],
      load: ['--batch-records', '20'],
    });
    await using source = await testClient(servers.source.uri);
    await using target = await testClient(servers.target.uri);
    const counters = source.client.db(database).collection<Counter>('counters');
    await counters.insertMany(Array.from({ length: DOCUMENTS }, (_, n) => ({ _id: n, n: 0 })));
    const observer = await observe(target.client.db(database));

    const capture = migration.start('capture');
    await migration.reached('snapshot-started', capture);
    let load = migration.start('load');
    const writer = count(counters, random);
    for (let restart = 0; restart < RESTARTS; restart++) {
      const { seen } = observer;
      await awaitUntil('the target has moved on', () => observer.seen > seen + 200);
      load.kill('SIGKILL');
      await load.ended;
      await observer.mark(target.client.db(database));
      load = migration.start('load');
    }
    const { seen } = observer;
    await awaitUntil('the target has moved on', () => observer.seen > seen + 200);
    const written = await writer.stop();
    for (const side of [capture, load]) side.kill('SIGTERM');
    for (const side of [capture, load]) expect((await side.ended).exitCode).toBe(0);
    expect(await migration.finish()).toEqual([]);

    await observer.close();
    const steps = observer.runs.map((run) => run.length);
    console.log(`${written} changes; states seen on the target by run of the load: ${steps.join(', ')}`);
    expect(observer.runs.length).toBe(RESTARTS + 1);
    const isMixed = ({ id }: Step): boolean => id % 4 === MIXED;
    for (const run of observer.runs) expect(backwards(run.filter((step) => !isMixed(step)))).toEqual([]);
    const repeated = observer.runs.flatMap((run) => backwards(run.filter(isMixed)));
    console.log(`newer images before older ones: ${repeated.length}`);
  });
});

interface Counter {
  readonly _id: number;
  readonly n: number;
}

/**
 * Counts documents up: some by updates, some by replacing them, some by deleting and inserting them
 * again, and some in all these ways. Of the last an observer may see a state twice: the image of an
 * update is looked up and may be newer than the update; a replacement that was made in between and
 * comes in the next commit then brings its own, older one, and what follows it the newer one again.
 */
function count(counters: Collection<Counter>, random: Random) {
  let isStopped = false;
  let written = 0;
  const next = new Array<number>(DOCUMENTS).fill(1);
  const running = (async () => {
    while (!isStopped) {
      const _id = random.int(DOCUMENTS);
      const n = next[_id]!++;
      const way = _id % 4 === MIXED ? random.int(3) : _id % 4;
      if (way === 0) await counters.updateOne({ _id }, { $set: { n } });
      else if (way === 1) await counters.replaceOne({ _id }, { n });
      else {
        await counters.deleteOne({ _id });
        await counters.insertOne({ _id, n });
      }
      written++;
    }
    return written;
  })();
  running.catch(() => undefined);
  return {
    stop: () => {
      isStopped = true;
      return running;
    },
  };
}

interface Step {
  readonly id: number;
  readonly n: number;
}

/** The documents that go backwards, or stand still, in one run. */
function backwards(run: readonly Step[]): string[] {
  const at = new Map<number, number>();
  const found: string[] = [];
  for (const { id, n } of run) {
    const before = at.get(id) ?? -1;
    if (n <= before) found.push(`document ${id} went from ${before} to ${n}`);
    at.set(id, n);
  }
  return found;
}

async function observe(database: Db) {
  const stream = database.watch([], { maxAwaitTimeMS: 100 });
  const runs: Step[][] = [[]];
  let seen = 0;
  // Opens the cursor: it sees everything written from here on.
  await stream.tryNext();
  const reading = (async () => {
    for await (const event of stream) {
      if (isMark(event)) runs.push([]);
      else if ('fullDocument' in event && event.ns.coll === 'counters') {
        const { _id, n } = event.fullDocument as unknown as Counter;
        runs.at(-1)!.push({ id: _id, n });
        seen++;
      }
    }
  })().catch(() => undefined);
  let marks = 0;
  const mark = async (db: Db): Promise<void> => {
    await db.collection('marks').insertOne({ mark: ++marks });
    await awaitUntil('the mark is seen', () => runs.length === marks + 1);
    await db.collection('marks').drop();
  };
  return {
    runs,
    get seen() {
      return seen;
    },
    mark,
    close: async (): Promise<void> => {
      await stream.close();
      await reading;
    },
  };
}

function isMark(event: ChangeStreamDocument<Document>): boolean {
  return event.operationType === 'insert' && event.ns.coll === 'marks';
}
