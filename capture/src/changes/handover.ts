/**
 * The one place that hands units to the pipeline, and so decides what is committed in what order.
 * Everybody else yields or returns units: the intake what the events of a batch make, the
 * collection reader the documents it reads in the stream, the listing the differences it finds.
 *
 * Order: the tailer's loop is the only caller and makes one call at a time, so units are handed on
 * in the order of the stream. The pipeline gives out sequence numbers and commits in that order.
 *
 * Crash: a unit is in the manifest with its position, its sequences and its segment, or not at all,
 * and with it everything handed on before. The next start goes on from the last committed position,
 * which is never after a unit that was still in memory.
 */
import type { ClusterTime } from '@waybill/shared/base/position';
import type { ChangePipeline } from '../commit/change-pipeline.ts';
import type { PipelineUnit } from '../commit/units.ts';
import { isPositionDue } from './idle.ts';
import type { Sealer } from './sealing.ts';

export class Handover {
  readonly #pipeline: ChangePipeline;
  readonly #sealer: Sealer;
  readonly #idleCommitMs: number;
  #lastAt = performance.now();
  /** Of the position that was handed on last. */
  #token: Uint8Array | null = null;
  #time: ClusterTime;

  constructor(pipeline: ChangePipeline, sealer: Sealer, idleCommitMs: number) {
    this.#pipeline = pipeline;
    this.#sealer = sealer;
    this.#idleCommitMs = idleCommitMs;
    this.#time = sealer.position.clusterTime;
  }

  /** Waits while the pipeline is full; whoever makes the units waits with it. */
  async take(units: AsyncIterable<PipelineUnit> | Iterable<PipelineUnit>): Promise<void> {
    for await (const unit of units) await this.#pipeline.push(unit);
  }

  /** Seals and hands on what is buffered. */
  async flush(): Promise<void> {
    await this.take(this.#sealer.sealAll());
    this.#note();
  }

  /** The sealer's position. Everything buffered must have been handed on. */
  async position(onCommitted?: () => void): Promise<void> {
    await this.take([{ kind: 'position', position: this.#sealer.position, onCommitted }]);
    this.#note();
  }

  /** Everything handed on is committed. */
  drain(): Promise<void> {
    return this.#pipeline.drain();
  }

  /**
   * When {@link takeDue} has something to do, on the clock of `performance.now()`. Null while a
   * transaction may go on: only the next batch can tell.
   */
  dueAt(): number | null {
    return this.#sealer.dueAt() ?? (this.#sealer.isEmpty ? this.#lastAt + this.#idleCommitMs : null);
  }

  /** Hands on what has waited for long enough, or the position of an idle stream. */
  async takeDue(): Promise<void> {
    const now = performance.now();
    const dueAt = this.#sealer.dueAt();
    if (dueAt !== null && now >= dueAt) await this.flush();
    else if (this.#sealer.isEmpty && this.#isPositionDue(now)) {
      if (this.#sealer.position.resumeToken === this.#token) this.#note();
      else await this.position();
    }
  }

  #isPositionDue(now: number): boolean {
    return isPositionDue({
      now,
      lastPushAt: this.#lastAt,
      idleCommitMs: this.#idleCommitMs,
      pushed: this.#time,
      reached: this.#sealer.position.clusterTime,
    });
  }

  #note(): void {
    const { resumeToken, clusterTime } = this.#sealer.position;
    this.#lastAt = performance.now();
    this.#token = resumeToken;
    this.#time = clusterTime;
  }
}
