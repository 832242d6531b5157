/**
 * What it means when a cursor fails: one rule for every cursor of ours.
 *
 *   lost    the server gave the cursor up, and what it read may still be there: a new cursor goes
 *   on or finds out. Such an error is MONGO_TRANSIENT, so whoever retries opens again
 *   gone    nothing stands under the name that the cursor was to be opened on. By uuid: see
 *   collection-identity.ts other   what the connection made of it
 */
import { hasCode, WaybillError } from '../../base/errors.ts';
import { failureOf, hasServerCode } from './classify.ts';
import { isLostCursorCode, SERVER_CODES } from './server-codes.ts';

const DROPPED = /\b(dropped|renamed)\b|between getMore calls/i;

export function isLostCursor(error: unknown): boolean {
  const failure = failureOf(error);
  if (isLostCursorCode(failure?.code)) return true;
  // Servers say this code of other failures as well.
  return failure?.code === SERVER_CODES.OperationFailed && DROPPED.test(failure.message);
}

export function isGone(error: unknown): boolean {
  return hasServerCode(error, 'NamespaceNotFound');
}

/**
 * The error of a command that opens a cursor or asks for more of it, so that it says whether
 * opening again is worth it.
 */
export function cursorError(error: unknown): unknown {
  if (!hasCode(error, 'MONGO_COMMAND_FAILED') || !isLostCursor(error)) return error;
  const { message, hint, context } = error;
  return new WaybillError('MONGO_TRANSIENT', message, { hint, context, cause: error });
}
