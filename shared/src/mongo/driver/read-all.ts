/** Short readings, each from one cursor. */

import { type RetryPolicy, retry } from '../../base/retry.ts';
import type { MongoConnection } from './connection.ts';
import { type CursorOptions, openCursor } from './cursor.ts';
import { isLostCursor } from './cursor-failure.ts';

/**
 * For what is read in one go: a few attempts, soon after one another. The caller has to wait out
 * elections and the like.
 */
const REOPENINGS: RetryPolicy = {
  initialMs: 10,
  maxMs: 500,
  factor: 2,
  jitter: 0.5,
  maxAttempts: 10,
  maxElapsedMs: 30_000,
};

/** A short reading from one cursor. If the cursor is lost, the reading begins anew. */
export function readAgainIfLost<T>(read: () => Promise<T>, signal: AbortSignal | undefined): Promise<T> {
  return retry(read, REOPENINGS, { signal, retryable: isLostCursor });
}

/**
 * Everything that a short command with a cursor gives, from one cursor. The documents are copies: a
 * slice would keep its whole reply alive for as long as it lives.
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
