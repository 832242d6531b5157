/** Short readings, each from one cursor. */

import { type RetryPolicy, retry } from '../../base/retry.ts';
import type { MongoConnection } from './connection.ts';
import { type CursorOptions, openCursor } from './cursor.ts';
import { isLostCursor } from './cursor-failure.ts';

/**
 * Of what is read in one go: a few, soon after one another. Elections and the like
 * are for the caller to wait out.
 */
const REOPENINGS: RetryPolicy = {
  initialMs: 10,
  maxMs: 500,
  factor: 2,
  jitter: 0.5,
  maxAttempts: 10,
  maxElapsedMs: 30_000,
};

/** A short reading, of one cursor: where that is lost it begins anew. */
export function readAgainIfLost<T>(read: () => Promise<T>, signal: AbortSignal | undefined): Promise<T> {
  return retry(read, REOPENINGS, { signal, retryable: isLostCursor });
}

/**
 * All that a short command with a cursor gives, from one cursor. Copies: slices would keep whole
 * replies alive for as long as one of the documents lives.
 */
export function readAll(
  connection: MongoConnection,
  database: string,
  command: Readonly<Record<string, unknown>>,
  options: Pick<CursorOptions, 'signal'> = {},
): Promise<Buffer[]> {
  return readAgainIfLost(async () => {
    await using cursor = await openCursor(connection, database, command, options);
    const found: Buffer[] = [];
    for (let batch = await cursor.next(); batch; batch = await cursor.next()) {
      for (const document of batch.documents) found.push(Buffer.from(document));
    }
    return found;
  }, options.signal);
}
