import { setTimeout as sleep } from 'node:timers/promises';
import { MongoClient } from 'mongodb-4-0';
import { Random } from '../shop/random.ts';
import { OPERATIONS, type OperationName, WEIGHTS, type Writer } from './operations.ts';
import { changeStructure } from './structure.ts';

/**
 * An application that writes without pause into the shop: the other half of every claim that a copy
 * was made while the source was in use. The same seed makes the same choices (with several writers,
 * in another interleaving).
 */
export interface WorkloadOptions {
  readonly uri: string;
  /** Must hold the shop. */
  readonly database: string;
  readonly seed: number;
  /** How many orders the shop was made with. */
  readonly orders: number;
  /** Operations a second over all writers; default: as fast as they go. */
  readonly ratePerSecond?: number;
  readonly writers?: number;
  /** A change of structure every so many operations; default: none. */
  readonly structureEvery?: number;
  /** No more of them than this. */
  readonly structureChanges?: number;
  /** Operations left out, for instance transactions. */
  readonly without?: readonly OperationName[];
  /** Ends by itself after so many. */
  readonly maxOperations?: number;
}

export interface WorkloadReport {
  readonly operations: number;
  readonly counts: Readonly<Partial<Record<OperationName, number>>>;
  /** What changed in structure, in order. */
  readonly structure: readonly string[];
}

export interface Workload extends AsyncDisposable {
  /** So far. */
  readonly report: WorkloadReport;
  /** Settles when all writers have ended; rejects with the first failure of any. */
  readonly ended: Promise<WorkloadReport>;
  /**
   * Ends it after the operations in flight: afterwards nothing is written any more. Rejects as
   * `ended` does.
   */
  stop(): Promise<WorkloadReport>;
}

/** Duplicate keys and write conflicts are an application's daily bread. */
const TOLERATED = new Set([11000, 112]);
/** Orders made by a workload are numbered far from the shop's own, and apart for each seed. */
const NUMBERS_A_SEED = 1_000_000;

export async function startWorkload(options: WorkloadOptions): Promise<Workload> {
  const {
    uri,
    database,
    seed,
    writers = 4,
    structureEvery,
    maxOperations = Number.POSITIVE_INFINITY,
  } = options;
  const client = await MongoClient.connect(uri, { maxPoolSize: writers + 2 });
  const { version } = await client.db('admin').command({ buildInfo: 1 });
  const names = pickable(options.without ?? []);
  const counts: Partial<Record<OperationName, number>> = {};
  const structure: string[] = [];
  const state = { operations: 0, stopped: false };
  let number = NUMBERS_A_SEED * (1 + (seed % 2000));
  const pace = pacer(options.ratePerSecond);
  const changes = changeStructure(client.db(database), (seed % 100_000).toString(36));

  const runWriter = async (index: number): Promise<void> => {
    const writer: Writer = {
      client,
      database: client.db(database),
      random: new Random(seed * 31 + index),
      alive: Array.from({ length: options.orders }, (_, n) => n).filter((n) => n % writers === index),
      release: Number.parseFloat(version),
      nextNumber: () => number++,
    };
    while (!state.stopped && state.operations < maxOperations) {
      state.operations += 1;
      await pace(state.operations);
      if (state.stopped) break;
      const isDue = structureEvery !== undefined && state.operations % structureEvery === 0;
      if (isDue && structure.length < (options.structureChanges ?? Number.POSITIVE_INFINITY)) {
        structure.push((await changes.next()).value);
      }
      const name = writer.alive.length < 10 ? 'insert' : writer.random.pick(names);
      await perform(name, writer);
      counts[name] = (counts[name] ?? 0) + 1;
    }
  };

  const report = (): WorkloadReport => ({
    operations: state.operations,
    counts: { ...counts },
    structure: [...structure],
  });
  const all = Promise.all(
    Array.from({ length: writers }, (_, index) =>
      runWriter(index).catch((error: unknown) => {
        state.stopped = true;
        throw error;
      }),
    ),
  );
  const ended = all.then(report).finally(() => client.close());
  // Whoever awaits `ended` or `stop` learns of a failure; until then it must not end the process.
  ended.catch(() => undefined);
  const stop = (): Promise<WorkloadReport> => {
    state.stopped = true;
    return ended;
  };
  return {
    get report() {
      return report();
    },
    ended,
    stop,
    [Symbol.asyncDispose]: async () => {
      await stop().catch(() => undefined);
    },
  };
}

async function perform(name: OperationName, writer: Writer): Promise<void> {
  try {
    await OPERATIONS[name](writer);
  } catch (error) {
    if (!TOLERATED.has((error as { code?: number }).code ?? 0)) throw error;
  }
}

/** Every name as often as it weighs. */
function pickable(without: readonly OperationName[]): readonly OperationName[] {
  const names = Object.keys(WEIGHTS) as OperationName[];
  return names
    .filter((name) => !without.includes(name))
    .flatMap((name) => Array.from({ length: WEIGHTS[name] }, () => name));
}

/**
 * Waits until the operation of that number is due. Short of time it does not wait, so the average
 * holds after a stall.
 */
function pacer(ratePerSecond: number | undefined): (operation: number) => Promise<void> {
  if (ratePerSecond === undefined) return async () => undefined;
  const started = performance.now();
  return async (operation) => {
    const due = started + (operation / ratePerSecond) * 1000;
    const wait = due - performance.now();
    if (wait > 1) await sleep(wait);
  };
}
