import { order } from '../data/orders.ts';
import { changeOf, inBatches } from '../data/records.ts';
import type { Bench } from '../harness/bench.ts';
import {
  avscRecord,
  BLOCK_BYTES,
  frameAvsc,
  layAvsc,
  readAvsc,
  readAvscFile,
  snapshotRecord,
  writeAvsc,
} from '../peers/avsc.ts';
import {
  frameOwn,
  layOwn,
  readFile,
  readOwn,
  roomFor,
  writeChanges,
  writeSnapshot,
} from '../peers/own-avro.ts';
import type { Measure } from '../report/measure.ts';

/** Documents of each file. They make 50 MB; a segment of a real stream is once or twice that. */
const MOST_DOCUMENTS = 50_000;
/** Without compression, only Avro is compared. */
const CODECS = ['null', 'zstandard'] as const;

/** Compares our Avro with `avsc` on the same records, in seconds of processor time. */
export async function avro({ documents, rounds, log }: Bench): Promise<readonly Measure[]> {
  const bodies = Array.from({ length: Math.min(documents, MOST_DOCUMENTS) }, (_, at) =>
    Buffer.from(order(at)),
  );
  let pairs = new Pairs();
  // The first round warms the engine up and does not count.
  for (let round = 0; round <= rounds; round++) {
    if (round === 1) pairs = new Pairs();
    log(`avro, round ${round} of ${rounds}`);
    await compareRecords(pairs, bodies);
    await compareFiles(pairs, bodies);
  }
  return pairs.measures();
}

async function compareRecords(pairs: Pairs, bodies: readonly Buffer[]): Promise<void> {
  const changes = bodies.map(changeOf);
  const room = roomFor(changes);
  await pairs.run('records of changes, laid', {
    own: () => layOwn(changes, room),
    avsc: () => layAvsc(changes, room),
  });
  const laid = layOwn(changes, room);
  await pairs.run('records of changes, read', {
    own: () => readOwn(laid, changes.length),
    avsc: () => readAvsc(laid),
  });
  const blocks: Buffer[] = [];
  for (let at = 0; at < laid.length; at += BLOCK_BYTES) blocks.push(laid.subarray(at, at + BLOCK_BYTES));
  await pairs.run('blocks, framed', { own: () => frameOwn(blocks), avsc: () => frameAvsc(blocks) });
}

async function compareFiles(pairs: Pairs, bodies: readonly Buffer[]): Promise<void> {
  const changes = bodies.map(changeOf);
  const batches = inBatches(bodies);
  for (const codec of CODECS) {
    await pairs.run(`snapshot file (${codec}), written`, {
      own: () => writeSnapshot(batches, codec),
      avsc: () => writeAvsc(bodies.map(snapshotRecord), codec),
    });
    const snapshot = await writeSnapshot(batches, codec);
    await pairs.run(`snapshot file (${codec}), read`, {
      own: () => readFile(snapshot),
      avsc: () => readAvscFile(snapshot.bytes),
    });
    await pairs.run(`change file (${codec}), written`, {
      own: () => writeChanges(changes, codec),
      avsc: () => writeAvsc(changes.map(avscRecord), codec),
    });
    const file = await writeChanges(changes, codec);
    await pairs.run(`change file (${codec}), read`, {
      own: () => readFile(file),
      avsc: () => readAvscFile(file.bytes),
    });
  }
}

type Work = () => unknown;

/** Does the same work in both ways, which take turns. */
class Pairs {
  readonly #figures = new Map<string, { readonly own: number[]; readonly avsc: number[] }>();

  async run(name: string, works: { readonly own: Work; readonly avsc: Work }): Promise<void> {
    const figures = this.#figures.get(name) ?? { own: [], avsc: [] };
    this.#figures.set(name, figures);
    // The first to run meets cold memory, so the two take turns at it.
    const order = figures.own.length % 2 === 0 ? (['own', 'avsc'] as const) : (['avsc', 'own'] as const);
    for (const way of order) figures[way].push(await processorSeconds(works[way]));
  }

  measures(): Measure[] {
    return [...this.#figures].map(([name, { own, avsc }]) => ({
      name: `Avro: ${name}`,
      unit: 's',
      waybill: own,
      peer: avsc,
      peerName: 'avsc',
    }));
  }
}

/** Counts the processor time of all threads: other work on the machine hardly matters. */
async function processorSeconds(work: Work): Promise<number> {
  const before = process.cpuUsage();
  await work();
  const { user, system } = process.cpuUsage(before);
  return (user + system) / 1e6;
}
