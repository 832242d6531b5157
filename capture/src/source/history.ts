/**
 * Whether a source is where a stream left it. A token proves nothing: if a source was put back to
 * an older state and has been written to since, it goes on after the token as if nothing had
 * happened.
 *
 * The last event proves it. The oplog has an event at its second and increment as long as it keeps
 * that part of the history; another history has nothing at that very time. If the oplog no longer
 * reaches back that far, or the time is not known, only the source's clock is compared: it never
 * goes back.
 */

import { hasCode, WaybillError } from '@waybill/shared/base/errors';
import { type ClusterTime, formatClusterTime } from '@waybill/shared/base/position';
import type { StreamPosition } from '@waybill/shared/manifest/position';
import type { MongoConnection } from '@waybill/shared/mongo/driver/connection';
import { openCursor } from '@waybill/shared/mongo/driver/cursor';
import { rawArray } from '@waybill/shared/mongo/driver/raw-value';
import { readChangeEvent } from '../event/read-change-event.ts';
import { resumeTokenTime } from './resume-token.ts';
import { classifyStreamError } from './stream-errors.ts';
import { type StreamOptions, streamPipeline } from './stream-options.ts';

/** How many batches without an event are read. */
const LOOKS = 30;
const AWAIT_MS = 1000;

/**
 * For a start, with the source's clock as `now`. One attempt. @throws SOURCE_HISTORY_CHANGED,
 * MONGO_*
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
 * For a running capture, which may have no clock that a majority confirms. One attempt.
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

/** The time of the first event at `time` or later; `none` if the source has been read past it. */
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
        // A piece of a split event may lack its time.
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
    `the source does not have the change at ${at}, the stream's last: it was put back to an older state, or is a copy of one`,
    {
      hint: 'Start a new stream (another --stream, with --new-stream), which takes a new snapshot, and load it into an empty target: the old stream may hold changes that the source no longer has.',
      context: { clusterTime: at },
    },
  );
}
