/**
 * Says what a cursor's failure means: one rule for all our cursors.
 *
 *   lost   The server gave the cursor up, and the data may still be there. A new cursor goes on, or
 *          finds out. Such an error is MONGO_TRANSIENT, so whoever retries opens again.
 *   gone   Nothing has the name that the cursor was to be opened on. By uuid: see
 *          collection-identity.ts.
 *   other  The error is what the connection made of it.
 */
import { hasCode, WaybillError } from '../../base/errors.ts';
import { failureOf, hasServerCode } from './classify.ts';
import { isLostCursorCode, SERVER_CODES } from './server-codes.ts';

const DROPPED = /\b(dropped|renamed)\b|between getMore calls/i;

export function isLostCursor(error: unknown): boolean {
  const failure = failureOf(error);
  if (isLostCursorCode(failure?.code)) return true;
  // Servers use this code for other failures too.
  return failure?.code === SERVER_CODES.OperationFailed && DROPPED.test(failure.message);
}

export function isGone(error: unknown): boolean {
  return hasServerCode(error, 'NamespaceNotFound');
}

/**
 * Turns the error of a command that opens a cursor, or asks it for more, into one that says whether
 * to open again.
 */
export function cursorError(error: unknown): unknown {
  if (!hasCode(error, 'MONGO_COMMAND_FAILED') || !isLostCursor(error)) return error;
  const { message, hint, context } = error;
  return new WaybillError('MONGO_TRANSIENT', message, { hint, context, cause: error });
}
