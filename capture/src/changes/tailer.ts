/**
 * The tailer drains the change stream into commits, from start to stop. It never waits for the
 * snapshot.
 *
 *   getMore (one ahead) → intake → sealer → handover → pipeline (when it is full, reading waits)
 *
 * Whether a moment has been passed is proven, not guessed: see `prove`.
 */
import { hasCode } from '@waybill/shared/base/errors';
import { sleep } from '@waybill/shared/base/lifecycle';
import type { ClusterTime } from '@waybill/shared/base/position';
import type { CaptureStats } from '@waybill/shared/base/stats';
import type { StreamPosition } from '@waybill/shared/manifest/position';
import type { PipelineUnit } from '../commit/units.ts';
import { type ChangeStreamReader, type EventBatch, SMALL_BATCH } from '../source/change-stream.ts';
import type { Handover } from './handover.ts';
import type { Intake } from './intake.ts';
import type { Sealer } from './sealing.ts';

export interface TailerOptions {
  readonly reader: ChangeStreamReader;
  readonly intake: Intake;
  readonly sealer: Sealer;
  readonly handover: Handover;
  readonly isSharded: boolean;
  readonly stats: CaptureStats;
  /** Stop reading, finish what was read. */
  readonly stop: AbortSignal;
}

interface Goal {
  readonly time: ClusterTime;
  /** Requests sent when the goal was set: only later ones prove anything. */
  readonly request: number;
  readonly arrive: (position: StreamPosition) => readonly PipelineUnit[];
  readonly reached: () => void;
}

/** After a small batch. */
const PACE_MS = 20;
/**
 * While somebody waits for a proof, the server is not asked to wait for events; but not for ever,
 * in case none come.
 */
const HURRY_MS = 5;
const HURRIED_REQUESTS = 20;

export class Tailer {
  readonly #options: TailerOptions;
  #goals: Goal[] = [];
  #lastBatchEvents = 0;
  #emptyBatches = 0;

  constructor(options: TailerOptions) {
    this.#options = options;
  }

  /**
   * Fulfilled when everything up to and including `time` is durable, as a position in a commit.
   * `time` must be an operation time that the source has told. A position after that time proves
   * it. A position at exactly that time does not, since a transaction or another shard may have
   * more events of it. On a replica set, a request that was made after `time` was known and finds
   * nothing more proves it as well.
   * @param arrive called when the proof is found: everything before has been handed on and nothing
   *   after it, so the units that it gives are committed exactly there
   */
  prove(time: ClusterTime, arrive: Goal['arrive'] = () => []): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#goals.push({ time, request: this.#options.reader.requests, arrive, reached: resolve });
    this.#emptyBatches = 0;
    return promise;
  }

  /** Ends when `stop` is aborted, with everything that was read committed; or with an error. */
  async run(): Promise<void> {
    const { stop, reader, handover } = this.#options;
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
        await handover.takeDue();
      }
    } catch (error) {
      if (!stop.aborted || !hasCode(error, 'INTERRUPTED')) throw error;
      await this.#finish();
    } finally {
      await reader.close();
      await handover.drain().catch(() => undefined);
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

  /** The batch, or null when something has to be handed on before it comes. */
  async #within(reading: Promise<EventBatch>): Promise<EventBatch | null> {
    const dueAt = this.#options.handover.dueAt();
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
    const { intake, sealer, handover, stats } = this.#options;
    this.#lastBatchEvents = batch.events.length;
    this.#emptyBatches = batch.events.length > 0 ? 0 : this.#emptyBatches + 1;
    await handover.take(intake.take(batch));
    if (batch.token !== null) sealer.batchEnded(batch.token, batch.time, batch.reachedEnd);
    const seen = batch.operationTime;
    if (seen !== null && (stats.sourceTime === null || seen > stats.sourceTime)) stats.sourceTime = seen;
    stats.bufferedBytes = sealer.bytes;
    await this.#checkGoals(batch);
  }

  async #checkGoals(batch: EventBatch): Promise<void> {
    const { sealer, handover } = this.#options;
    if (this.#goals.length === 0 || !sealer.isAtBoundary) return;
    const reached = this.#goals.filter((goal) => this.#isReached(goal, batch));
    if (reached.length === 0) return;
    this.#goals = this.#goals.filter((goal) => !reached.includes(goal));
    await handover.flush();
    for (const goal of reached) await handover.take(goal.arrive(sealer.position));
    await handover.position(() => {
      for (const goal of reached) goal.reached();
    });
  }

  #isReached(goal: Goal, batch: EventBatch): boolean {
    const { clusterTime } = this.#options.sealer.position;
    if (clusterTime > goal.time) return true;
    if (this.#options.isSharded || !batch.reachedEnd || batch.request <= goal.request) return false;
    // If tokens tell no time, the reply's operation time is all there is.
    return (batch.time ?? batch.operationTime ?? 0n) >= goal.time;
  }

  /** A transaction that is only half here is left out; the next start reads it again. */
  async #finish(): Promise<void> {
    const { sealer, handover } = this.#options;
    if (!sealer.isAtBoundary) return;
    await handover.flush();
    await handover.position();
    await handover.drain();
  }
}
