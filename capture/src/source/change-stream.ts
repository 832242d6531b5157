/**
 * The change stream as batches of events: one raw aggregate on `admin` for the whole cluster, and
 * its getMores. The driver's ChangeStream is not used: it turns every event into objects, and may
 * step back after an error.
 *
 * Invariants, over any number of reopenings: every event comes once and in order. The position for
 * reopening is always after the last event handed out, and never inside a split event.
 */

import { hasCode, isTransient, WaybillError } from '@waybill/shared/base/errors';
import { throwIfAborted } from '@waybill/shared/base/lifecycle';
import type { Logger } from '@waybill/shared/base/logger';
import { type ClusterTime, formatClusterTime } from '@waybill/shared/base/position';
import { DEFAULT_RETRY, type RetryPolicy, retry } from '@waybill/shared/base/retry';
import { eachDocument } from '@waybill/shared/bson/raw';
import type { MongoConnection } from '@waybill/shared/mongo/driver/connection';
import { openCursor, type RawCursor } from '@waybill/shared/mongo/driver/cursor';
import type { CursorBatch } from '@waybill/shared/mongo/driver/cursor-batch';
import { rawArray } from '@waybill/shared/mongo/driver/raw-value';
import type { PackedChangeEvent } from '../event/change-event.ts';
import { joinFragments, readChangeEvent } from '../event/read-change-event.ts';
import { assertHoldsEvent } from './history.ts';
import { namespaceOfLargeEvent } from './large-event.ts';
import { resumeTokenTime } from './resume-token.ts';
import { classifyStreamError, eventTooLarge } from './stream-errors.ts';
import { type StreamOptions, type StreamStart, streamPipeline } from './stream-options.ts';

export interface EventBatch {
  readonly events: readonly PackedChangeEvent[];
  /** Bytes of the events. */
  readonly bytes: number;
  /** The position after the whole batch; null inside a split event. */
  readonly token: Uint8Array | null;
  /** The token's cluster time, if the token tells it. */
  readonly time: ClusterTime | null;
  readonly operationTime: ClusterTime | null;
  /** The server has looked and had nothing more. The opening reply has not looked. */
  readonly reachedEnd: boolean;
  /** Number of the request that fetched it; see {@link ChangeStreamReader.requests}. */
  readonly request: number;
}

export interface ReaderOptions {
  readonly connection: MongoConnection;
  readonly stream: StreamOptions;
  readonly start: StreamStart;
  /** Cluster time of the last event before the start; null if none is known. */
  readonly lastEvent: ClusterTime | null;
  readonly awaitMs: number;
  readonly logger: Logger;
  readonly signal: AbortSignal;
  readonly onRetry?: (error: unknown) => void;
}

/** An election takes seconds and a maintenance minutes; after that a person must know. */
const RETRY: RetryPolicy = { ...DEFAULT_RETRY, maxElapsedMs: 600_000 };
/**
 * Larger batches take more memory and save no work. We would wait for the first batch, and then the
 * server for us.
 */
const BATCH_BYTES = 2 * 1024 * 1024;

/** A batch with fewer events came early: the next request waits a little and brings more. */
export const SMALL_BATCH = 200;

export class ChangeStreamReader implements AsyncDisposable {
  readonly #options: ReaderOptions;
  #cursor: RawCursor | null = null;
  #start: StreamStart;
  #lastEvent: ClusterTime | null;
  #hasOpened = false;
  /** Pieces of a split event whose last piece is still to come. */
  #pieces: Buffer[] = [];
  #requests = 0;
  /** Number of the request that was sent ahead. */
  #ahead: number | null = null;

  constructor(options: ReaderOptions) {
    this.#options = options;
    this.#start = options.start;
    this.#lastEvent = options.lastEvent;
  }

  /** How many requests have been sent. A batch with a larger number can prove what is known now. */
  get requests(): number {
    return this.#requests;
  }

  /**
   * The next batch; the first one is the opening's and mostly empty. Failures that may pass are
   * retried here for ten minutes. Errors: SOURCE_HISTORY_LOST, SOURCE_EVENT_TOO_LARGE, MONGO_*, or
   * the signal's reason. One call at a time.
   * @param awaitMs how long the server may hold a request that has nothing to give
   */
  async next(awaitMs = this.#options.awaitMs): Promise<EventBatch> {
    const { logger, signal, onRetry } = this.#options;
    return retry(() => this.#fetchOrClose(awaitMs), RETRY, {
      signal,
      retryable: (error) => isTransient(error) && this.#start.at !== 'now',
      onRetry: (err, attempt, delayMs) => {
        logger.warn('change stream interrupted; opening it again', { err, attempt, delayMs });
        onRetry?.(err);
      },
    });
  }

  /** Errors say what they mean for the stream. */
  async #fetchOrClose(awaitMs: number): Promise<EventBatch> {
    try {
      return await this.#fetch(awaitMs);
    } catch (error) {
      await this.close();
      throwIfAborted(this.#options.signal);
      throw await this.#meaningOf(error);
    }
  }

  async #meaningOf(error: unknown): Promise<unknown> {
    const meaning = classifyStreamError(error);
    if (!hasCode(meaning, 'SOURCE_EVENT_TOO_LARGE')) return meaning;
    const { connection, stream, signal } = this.#options;
    return eventTooLarge(error, await namespaceOfLargeEvent(connection, stream, this.#start, signal));
  }

  async close(): Promise<void> {
    const cursor = this.#cursor;
    this.#cursor = null;
    // The pieces come again with their event, since the position is before it.
    this.#pieces = [];
    this.#ahead = null;
    await cursor?.close();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  async #fetch(awaitMs: number): Promise<EventBatch> {
    const opening = this.#cursor === null;
    const request = this.#ahead ?? ++this.#requests;
    this.#ahead = null;
    this.#cursor ??= await this.#open();
    const batch = await this.#cursor.next(awaitMs);
    if (batch && !batch.done && batch.count >= SMALL_BATCH) {
      // Ask before this batch is worked on: then the server alone sets the pace.
      this.#cursor.askAhead(awaitMs);
      this.#ahead = ++this.#requests;
    }
    if (batch === null || batch.done) {
      // The server ends a stream with an invalidate; the next call opens it again after that.
      await this.close();
    }
    if (batch === null) {
      const { at } = this.#start;
      if (at === 'now') throw new WaybillError('MONGO_COMMAND_FAILED', 'the change stream ended at once');
      return {
        events: [],
        bytes: 0,
        token: null,
        time: null,
        operationTime: null,
        reachedEnd: false,
        request,
      };
    }
    return this.#read(batch, request, opening);
  }

  async #open(): Promise<RawCursor> {
    const { connection, stream, awaitMs, signal, logger } = this.#options;
    await this.#assertSameHistory();
    logger.debug('opening change stream', {
      start: this.#start.at,
      ...(this.#start.at === 'time' && { time: formatClusterTime(this.#start.time) }),
    });
    const command = {
      aggregate: 1,
      pipeline: rawArray(streamPipeline(stream, this.#start, connection.server)),
    };
    const cursor = await openCursor(connection, 'admin', command, {
      signal,
      awaitMs,
      // Finding the place in a long oplog is slow enough; do not also wait for a first event.
      firstBatchSize: 0,
      targetBatchBytes: BATCH_BYTES,
    });
    this.#hasOpened = true;
    return cursor;
  }

  /**
   * The source may have been put back to an older state during a failure. A start has asked for
   * that already.
   */
  async #assertSameHistory(): Promise<void> {
    const { connection, stream, signal } = this.#options;
    if (!this.#hasOpened || this.#start.at !== 'token' || this.#lastEvent === null) return;
    await assertHoldsEvent(connection, stream, this.#lastEvent, signal);
  }

  #read(batch: CursorBatch, request: number, opening: boolean): EventBatch {
    const events: PackedChangeEvent[] = [];
    eachDocument(batch.array, (start, end) => {
      const event = readChangeEvent(batch.array, start);
      if (event.splitAt < 0) {
        events.push(event);
        return;
      }
      this.#pieces.push(batch.array.subarray(start, end));
      const { fragment, of } = event.splitEvent!;
      if (fragment < of) return;
      events.push(readChangeEvent(joinFragments(this.#pieces)));
      this.#pieces = [];
    });
    const inside = this.#pieces.length > 0;
    const last = events.at(-1);
    if (last) this.#lastEvent = last.clusterTime;
    const token = inside ? null : (batch.postBatchResumeToken ?? last?.resumeToken ?? null);
    // Inside a split event it can go on after the last whole event.
    const restart = token ?? last?.resumeToken;
    if (restart) this.#start = { at: 'token', token: restart };
    else if (this.#start.at === 'now' && batch.operationTime !== null) {
      this.#start = { at: 'time', time: batch.operationTime };
    }
    return {
      events,
      bytes: batch.bytes,
      token,
      time: token === null ? null : resumeTokenTime(token),
      operationTime: batch.operationTime,
      reachedEnd: !opening && batch.count === 0,
      request,
    };
  }
}
