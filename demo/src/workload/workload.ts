import { setTimeout as sleep } from 'node:timers/promises';
import { MongoClient } from 'mongodb-4-0';
import { Random } from '../shop/random.ts';
import { OPERATIONS, type OperationName, WEIGHTS, type Writer } from './operations.ts';
import { changeStructure } from './structure.ts';

/**
 * An application that writes to the shop without pause: a copy was made while the source was in use
 * only if something used it. The same seed makes the same choices, in another order if there are
 * several writers.
 */
export interface WorkloadOptions {
  readonly uri: string;
  /** Must hold the shop. */
  readonly database: string;
  readonly seed: number;
  /** How many orders the shop was made with. */
  readonly orders: number;
  /** Operations a second of all writers together. Default: as fast as they can. */
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
   * Ends it after the operations in flight; then it writes nothing more. Rejects as `ended` does.
   */
  stop(): Promise<WorkloadReport>;
}

/** Applications expect duplicate keys and write conflicts. */
const TOLERATED = new Set([11000, 112]);
/** Orders made by a workload are numbered far from the shop's own, and apart for each seed. */
const NUMBERS_A_SEED = 1_000_000;

export async function startWorkload(options: WorkloadOptions): Promise<Workload> {
  const client = await MongoClient.connect(options.uri, { maxPoolSize: writersOf(options) + 2 });
  const { version } = await client.db('admin').command({ buildInfo: 1 });
  return new RunningWorkload(client, Number.parseFloat(version), options);
}

const writersOf = ({ writers = 4 }: WorkloadOptions): number => writers;

class RunningWorkload implements Workload {
  readonly ended: Promise<WorkloadReport>;
  readonly #client: MongoClient;
  readonly #release: number;
  readonly #options: WorkloadOptions;
  readonly #names: readonly OperationName[];
  readonly #pace: (operation: number) => Promise<void>;
  readonly #changes: ReturnType<typeof changeStructure>;
  readonly #counts: Partial<Record<OperationName, number>> = {};
  readonly #structure: string[] = [];
  #operations = 0;
  #isStopped = false;
  #number: number;

  constructor(client: MongoClient, release: number, options: WorkloadOptions) {
    const { seed, database } = options;
    this.#client = client;
    this.#release = release;
    this.#options = options;
    this.#names = pickable(options.without ?? []);
    this.#pace = pacer(options.ratePerSecond);
    this.#changes = changeStructure(client.db(database), (seed % 100_000).toString(36));
    this.#number = NUMBERS_A_SEED * (1 + (seed % 2000));
    const writers = Array.from({ length: writersOf(options) }, (_, index) => this.#write(index));
    this.ended = Promise.all(writers)
      .then(() => this.report)
      .finally(() => client.close());
    // Whoever awaits `ended` or `stop` sees a failure. Until then it must not end the process.
    this.ended.catch(() => undefined);
  }

  get report(): WorkloadReport {
    return { operations: this.#operations, counts: { ...this.#counts }, structure: [...this.#structure] };
  }

  stop(): Promise<WorkloadReport> {
    this.#isStopped = true;
    return this.ended;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop().catch(() => undefined);
  }

  /** One writer; its failure stops the others. */
  async #write(index: number): Promise<void> {
    try {
      const writer = this.#writer(index);
      const { maxOperations = Number.POSITIVE_INFINITY } = this.#options;
      while (!this.#isStopped && this.#operations < maxOperations) {
        this.#operations += 1;
        await this.#pace(this.#operations);
        if (this.#isStopped) break;
        if (this.#isStructureDue()) this.#structure.push((await this.#changes.next()).value);
        const name = writer.alive.length < 10 ? 'insert' : writer.random.pick(this.#names);
        await perform(name, writer);
        this.#counts[name] = (this.#counts[name] ?? 0) + 1;
      }
    } catch (error) {
      this.#isStopped = true;
      throw error;
    }
  }

  #writer(index: number): Writer {
    const { database, seed, orders } = this.#options;
    const writers = writersOf(this.#options);
    return {
      client: this.#client,
      database: this.#client.db(database),
      random: new Random(seed * 31 + index),
      alive: Array.from({ length: orders }, (_, n) => n).filter((n) => n % writers === index),
      release: this.#release,
      nextNumber: () => this.#number++,
    };
  }

  #isStructureDue(): boolean {
    const { structureEvery, structureChanges = Number.POSITIVE_INFINITY } = this.#options;
    if (structureEvery === undefined || this.#operations % structureEvery !== 0) return false;
    return this.#structure.length < structureChanges;
  }
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
 * Waits until the operation with that number is due. When late it doesn't wait, so the average
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
