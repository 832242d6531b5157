/**
 * The tailer drains the change stream into commits, from start to stop. It never waits for the
 * snapshot.
 *
 *   getMore (one ahead) → intake → sealer → pipeline (bounded; when it is full, reading waits)
 *
 * Whether a moment has been passed is proven, not guessed: see `prove`.
 */
import { hasCode } from '@waybill/shared/base/errors';
import { sleep } from '@waybill/shared/base/lifecycle';
import type { ClusterTime } from '@waybill/shared/base/position';
import type { CaptureStats } from '@waybill/shared/base/stats';
import type { ChangePipeline } from '../commit/change-pipeline.ts';
import type { StreamPosition } from './change.ts';
import { isPositionDue } from './idle.ts';
import type { Intake } from './intake.ts';
import type { Sealer } from './sealing.ts';
import { type ChangeStreamReader, type EventBatch, SMALL_BATCH } from './stream.ts';

export interface TailerOptions {
  readonly reader: ChangeStreamReader;
  readonly intake: Intake;
  readonly sealer: Sealer;
  readonly pipeline: ChangePipeline;
  readonly isSharded: boolean;
  readonly idleCommitMs: number;
  readonly stats: CaptureStats;
  /** Stop reading, finish what was read. */
  readonly stop: AbortSignal;
}

interface Goal {
  readonly time: ClusterTime;
  /** Requests sent when the goal was set: only later ones prove anything. */
  readonly request: number;
  readonly arrive: (position: StreamPosition) => Promise<void>;
  readonly reached: () => void;
}

/** After a small batch. */
const PACE_MS = 20;
/**
 * Where somebody waits for a proof, the server is not asked to wait for events; but not for ever,
 * should none come.
 */
const HURRY_MS = 5;
const HURRIED_REQUESTS = 20;

const nothing = async (): Promise<void> => undefined;

export class Tailer {
  readonly #options: TailerOptions;
  #goals: Goal[] = [];
  #lastPushAt = performance.now();
  #pushedToken: Uint8Array | null = null;
  #pushedTime: ClusterTime;
  #lastBatchEvents = 0;
  #emptyBatches = 0;

  constructor(options: TailerOptions) {
    this.#options = options;
    this.#pushedTime = options.sealer.position.clusterTime;
  }

  /**
   * Fulfilled when everything up to and including `time` is durable, as a position that a commit
   * holds. `time` must be an operation time that the source has told. Proof is a position after
   * that time. At exactly that time it is none: a transaction or another shard may have more events
   * of it; then, on a replica set, proof is a request made after `time` was known that finds
   * nothing more.
   * @param arrive called where the proof is found, with all before it handed on and nothing after
   *   it: what it pushes into the pipeline is committed exactly there. The stream waits for it.
   */
  prove(time: ClusterTime, arrive: Goal['arrive'] = nothing): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#goals.push({ time, request: this.#options.reader.requests, arrive, reached: resolve });
    this.#emptyBatches = 0;
    return promise;
  }

  /**
   * Ends when `stop` is aborted, with everything that was read committed. Otherwise only by an
   * error.
   */
  async run(): Promise<void> {
    const { stop, reader, pipeline } = this.#options;
    let reading: Promise<EventBatch> | null = null;
    try {
      for (;;) {
        reading ??= this.#request();
        const batch = await this.#within(reading);
        if (batch) {
          // One request is on its way while this batch is worked on; a small batch asks for
          // patience first.
          reading = batch.events.length >= SMALL_BATCH ? this.#request() : null;
          await this.#take(batch);
        }
        await this.#sealDue();
      }
    } catch (error) {
      if (!stop.aborted || !hasCode(error, 'INTERRUPTED')) throw error;
      await this.#finish();
    } finally {
      await reader.close();
      await pipeline.drain().catch(() => undefined);
    }
  }

  #request(): Promise<EventBatch> {
    const { reader, stop } = this.#options;
    const isPaced = this.#lastBatchEvents > 0 && this.#lastBatchEvents < SMALL_BATCH;
    const awaitMs = this.#goals.length > 0 && this.#emptyBatches < HURRIED_REQUESTS ? HURRY_MS : undefined;
    const request = isPaced ? sleep(PACE_MS, stop).then(() => reader.next(awaitMs)) : reader.next(awaitMs);
    request.catch(() => undefined);
    return request;
  }

  /** The batch, or null when something has to be sealed before it comes. */
  async #within(reading: Promise<EventBatch>): Promise<EventBatch | null> {
    const { sealer, idleCommitMs } = this.#options;
    const dueAt = sealer.dueAt() ?? (sealer.isEmpty ? this.#lastPushAt + idleCommitMs : null);
    // A transaction that may go on: only the next batch can tell.
    if (dueAt === null) return reading;
    const { promise, resolve } = Promise.withResolvers<null>();
    const timer = setTimeout(() => resolve(null), Math.max(0, dueAt - performance.now()));
    try {
      return await Promise.race([reading, promise]);
    } finally {
      clearTimeout(timer);
    }
  }

  async #take(batch: EventBatch): Promise<void> {
    const { intake, sealer, stats } = this.#options;
    this.#lastBatchEvents = batch.events.length;
    this.#emptyBatches = batch.events.length > 0 ? 0 : this.#emptyBatches + 1;
    await intake.take(batch);
    if (batch.token !== null) sealer.batchEnded(batch.token, batch.time, batch.reachedEnd);
    const seen = batch.operationTime;
    if (seen !== null && (stats.sourceTime === null || seen > stats.sourceTime)) stats.sourceTime = seen;
    stats.bufferedBytes = sealer.bytes;
    await this.#checkGoals(batch);
  }

  async #sealDue(): Promise<void> {
    const { intake, sealer, pipeline, idleCommitMs } = this.#options;
    const now = performance.now();
    const dueAt = sealer.dueAt();
    if (dueAt !== null && now >= dueAt) {
      await intake.flush();
      this.#pushed();
      return;
    }
    if (!sealer.isEmpty) return;
    const reached = sealer.position.clusterTime;
    const idle = { now, lastPushAt: this.#lastPushAt, idleCommitMs, pushed: this.#pushedTime, reached };
    if (!isPositionDue(idle)) return;
    if (sealer.position.resumeToken !== this.#pushedToken) {
      await pipeline.push({ kind: 'position', position: sealer.position });
    }
    this.#pushed();
  }

  #pushed(): void {
    this.#lastPushAt = performance.now();
    const { resumeToken, clusterTime } = this.#options.sealer.position;
    this.#pushedToken = resumeToken;
    this.#pushedTime = clusterTime;
  }

  async #checkGoals(batch: EventBatch): Promise<void> {
    const { sealer, intake, pipeline } = this.#options;
    if (this.#goals.length === 0 || !sealer.isAtBoundary) return;
    const reached = this.#goals.filter((goal) => this.#isReached(goal, batch));
    if (reached.length === 0) return;
    this.#goals = this.#goals.filter((goal) => !reached.includes(goal));
    await intake.flush();
    for (const goal of reached) await goal.arrive(sealer.position);
    await pipeline.push({
      kind: 'position',
      position: sealer.position,
      onCommitted: () => {
        for (const goal of reached) goal.reached();
      },
    });
    this.#pushed();
  }

  #isReached(goal: Goal, batch: EventBatch): boolean {
    const { clusterTime } = this.#options.sealer.position;
    if (clusterTime > goal.time) return true;
    if (this.#options.isSharded || !batch.reachedEnd || batch.request <= goal.request) return false;
    // Where tokens tell no time, the reply's operation time is all there is.
    return (batch.time ?? batch.operationTime ?? 0n) >= goal.time;
  }

  /** A transaction that is only half here is left out; the next start reads it again. */
  async #finish(): Promise<void> {
    const { intake, sealer, pipeline } = this.#options;
    if (!sealer.isAtBoundary) return;
    await intake.flush();
    await pipeline.push({ kind: 'position', position: sealer.position });
    await pipeline.drain();
  }
}
