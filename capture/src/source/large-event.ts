/**
 * Finds the collection of an event that the source cannot send, since its errors do not name it.
 */

import { throwIfAborted } from '@waybill/shared/base/lifecycle';
import { fromObject } from '@waybill/shared/bson/build';
import { findElement } from '@waybill/shared/bson/raw';
import { readNumber } from '@waybill/shared/bson/values';
import type { MongoConnection } from '@waybill/shared/mongo/driver/connection';
import { openCursor } from '@waybill/shared/mongo/driver/cursor';
import { rawArray } from '@waybill/shared/mongo/driver/raw-value';
import { isAtLeast } from '@waybill/shared/mongo/driver/server-info';
import { readChangeEvent } from '../event/read-change-event.ts';
import { type StreamOptions, type StreamStart, streamPipeline } from './stream-options.ts';

const MESSAGE_BYTES = 16 * 1024 * 1024;
/** How many times a server counts the token in each message that it makes of one event. */
const TOKEN_SHARES = 3;
/** The event is among the first few after the position; a longer search is not worth it. */
const MOST_EVENTS = 10_000;
const AWAIT_MS = 200;

/**
 * Reads the events after the position again, without what makes them large. Null if none of them
 * explains it.
 */
export async function namespaceOfLargeEvent(
  connection: MongoConnection,
  stream: StreamOptions,
  start: StreamStart,
  signal: AbortSignal,
): Promise<string | null> {
  const whole = { ...stream, splitLargeEvents: false };
  const kept = { operationType: 1, clusterTime: 1, ns: 1 };
  const sized = isAtLeast(connection.server, 4, 4) ? { ...kept, size: SIZE } : kept;
  const pipeline = streamPipeline(whole, start, connection.server, [fromObject({ $project: sized })]);
  const command = { aggregate: 1, pipeline: rawArray(pipeline) };
  const options = { signal, awaitMs: AWAIT_MS, firstBatchSize: 0, targetBatchBytes: MESSAGE_BYTES / 2 };
  try {
    await using cursor = await openCursor(connection, 'admin', command, options);
    let seen = 0;
    for (let batch = await cursor.next(); batch && seen < MOST_EVENTS; batch = await cursor.next()) {
      // The opening batch has none.
      if (seen++ > 0 && batch.count === 0) break;
      seen += batch.count;
      for (const document of batch.documents) {
        const { namespace, resumeToken } = readChangeEvent(document);
        const size = findElement(document, 'size');
        const inOne = size && !stream.splitLargeEvents ? readNumber(size) + resumeToken.length : 0;
        if (Math.max(inOne, TOKEN_SHARES * resumeToken.length) > MESSAGE_BYTES) return namespace;
      }
    }
  } catch {
    // Whether it is found or not, the caller reports that the event is too large.
    throwIfAborted(signal);
  }
  return null;
}

const SIZE = {
  $add: ['documentKey', 'fullDocument', 'fullDocumentBeforeChange', 'updateDescription'].map((field) => ({
    $ifNull: [{ $bsonSize: `$${field}` }, 0],
  })),
};
