/**
 * Whether a source is where a stream left it. A token of the stream's end is no proof: a source
 * that was put back to an older state, and has been written to since, goes on behind such a token
 * as if nothing had been between.
 *
 * The last event is. What the change stream gave at that time stands in the oplog as long as there
 * is the history that it was part of, and an oplog that has another one has nothing at the very
 * second and increment. Where the oplog no longer reaches back that far, or the time is not known,
 * the source's clock alone is compared: it never goes back.
 */

import { hasCode, WaybillError } from '@waybill/shared/base/errors';
import { type ClusterTime, formatClusterTime } from '@waybill/shared/base/position';
import { readChangeEvent } from '@waybill/shared/bson/read-change-event';
import type { StreamPosition } from '@waybill/shared/manifest/position';
import type { MongoConnection } from '@waybill/shared/mongo/driver/connection';
import { openCursor } from '@waybill/shared/mongo/driver/cursor';
import { rawArray } from '@waybill/shared/mongo/driver/raw-value';
import { resumeTokenTime } from './resume-token.ts';
import { classifyStreamError } from './stream-errors.ts';
import { type StreamOptions, streamPipeline } from './stream-options.ts';

/** Batches without an event in which the end of the look is awaited. */
const LOOKS = 30;
const AWAIT_MS = 1000;

/**
 * For a start: one attempt; `now` is the source's clock. @throws SOURCE_HISTORY_CHANGED, MONGO_*
 */
export async function assertSameHistory(
  connection: MongoConnection,
  stream: StreamOptions,
  { clusterTime, lastEvent }: Pick<StreamPosition, 'clusterTime' | 'lastEvent'>,
  now: ClusterTime,
  signal: AbortSignal,
): Promise<void> {
  if (now < clusterTime) throw changed(clusterTime);
  if (lastEvent !== null) await assertHoldsEvent(connection, stream, lastEvent, signal);
}

/**
 * For a capture that runs, which may have to do without a clock that a majority confirms. One
 * attempt.
 * @throws SOURCE_HISTORY_CHANGED, MONGO_*
 */
export async function assertHoldsEvent(
  connection: MongoConnection,
  stream: StreamOptions,
  time: ClusterTime,
  signal: AbortSignal,
): Promise<void> {
  const found = await firstEventFrom(time, connection, stream, signal);
  if (found !== 'unknown' && found !== time) throw changed(time);
}

/** At that time or later; `none` where the source has been read past it without one. */
async function firstEventFrom(
  time: ClusterTime,
  connection: MongoConnection,
  stream: StreamOptions,
  signal: AbortSignal,
): Promise<ClusterTime | 'none' | 'unknown'> {
  const pipeline = rawArray(streamPipeline(stream, { at: 'time', time }, connection.server));
  try {
    await using cursor = await openCursor(
      connection,
      'admin',
      { aggregate: 1, pipeline },
      { signal, awaitMs: AWAIT_MS, firstBatchSize: 0, maxBatchSize: 1 },
    );
    // The opening has not looked yet.
    await cursor.next();
    for (let look = 0; look < LOOKS; look++) {
      const batch = await cursor.next(AWAIT_MS);
      if (batch === null) return 'unknown';
      const [document] = batch.documents;
      if (document) {
        const event = readChangeEvent(document);
        // A piece of a split event need not tell its time.
        return resumeTokenTime(event.resumeToken) ?? event.clusterTime;
      }
      const { postBatchResumeToken: token } = batch;
      const past = token === null ? null : resumeTokenTime(token);
      if (past !== null && past > time) return 'none';
      if (batch.done) return 'unknown';
    }
    return 'unknown';
  } catch (error) {
    const meaning = classifyStreamError(error);
    if (hasCode(meaning, 'SOURCE_HISTORY_LOST')) return 'unknown';
    throw meaning;
  }
}

function changed(time: ClusterTime): WaybillError {
  const at = formatClusterTime(time);
  return new WaybillError(
    'SOURCE_HISTORY_CHANGED',
    `the source does not hold the change at ${at} that the stream went on from: it was put back to an older state, or is a copy of one`,
    {
      hint: 'Take a new stream (another --stream, with --new-stream), which begins with a new snapshot, and load it into an empty target: what the old one brought may hold changes that the source no longer has.',
      context: { clusterTime: at },
    },
  );
}
